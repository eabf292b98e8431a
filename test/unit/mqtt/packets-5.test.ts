import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeConnect } from '../../../src/mqtt/connect.ts';
import {
  decodeAcknowledgement,
  decodeAuth,
  decodeDisconnect,
  decodeSubscribe5,
  decodeUnsubscribe5,
  encodeAcknowledgement,
  encodeConnack5,
  encodeDisconnect,
  encodeFilterCodes,
} from '../../../src/mqtt/packets-5.ts';
import { ProtocolError } from '../../../src/mqtt/protocol-error.ts';
import * as p from '../../support/packets-5.ts';

/** All that a SUBSCRIBE asks for; its requests are decoded when they are read. */
function subscribe(source: Buffer, start: number, end: number) {
  const { packetId, requests } = decodeSubscribe5(source, start, end);
  return { packetId, requests: [...requests] };
}

function unsubscribe(source: Buffer, start: number, end: number) {
  const { packetId, filters } = decodeUnsubscribe5(source, start, end);
  return { packetId, filters: [...filters] };
}

/** Decodes a whole packet; a refusal is its reason code. */
function decode<Result>(
  decoder: (source: Buffer, start: number, end: number) => Result,
  packet: Buffer,
): Result | number {
  let body = 1;
  while (packet[body]! >= 0x80) body++;
  try {
    return decoder(packet, body + 1, packet.length);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).reasonCode;
  }
}

const connect = (packet: Buffer) =>
  decode((source, start, end) => decodeConnect(source, start, end, [3, 4, 5]), packet);
const acknowledgement = (type: number, packet: Buffer) =>
  decode((source, start, end) => decodeAcknowledgement(type, source, start, end), packet);

test('reads a CONNECT with everything', () => {
  const packet = p.connect({
    clientId: 'c',
    clean: false,
    keepalive: 60,
    username: 'u',
    password: 'p',
    properties: [
      ['sessionExpiry', 3600],
      ['receiveMaximum', 7],
      ['userProperty', ['a', 'b']],
    ],
    will: {
      topic: 'w',
      payload: 'gone',
      qos: 2,
      retain: true,
      properties: [
        ['contentType', 'text'],
        ['willDelay', 9],
        ['messageExpiry', 5],
        ['userProperty', ['x', 'y']],
      ],
    },
  });
  expect(connect(packet)).toEqual({
    version: 5,
    bridge: false,
    clean: false,
    keepalive: 60,
    clientId: 'c',
    username: 'u',
    password: Buffer.from('p'),
    properties: { sessionExpiry: 3600, receiveMaximum: 7 },
    will: {
      topic: 'w',
      payload: Buffer.from('gone'),
      qos: 2,
      retain: true,
      delay: 9,
      expiry: 5,
      // The expiry first, without the delay.
      properties: Buffer.concat([
        Buffer.from([19]),
        ...(
          [
            ['messageExpiry', 5],
            ['contentType', 'text'],
            ['userProperty', ['x', 'y']],
          ] as const
        ).map(p.property),
      ]),
    },
  });
});

test('an empty client id needs no clean start, and a password no user name', () => {
  expect(connect(p.connect({ clean: false, password: 'token' }))).toMatchObject({
    clientId: '',
    username: undefined,
    password: Buffer.from('token'),
  });
});

test.each([
  ['the reserved flag', p.connect({ flags: 3 }), 0x81],
  ['will QoS 3', p.connect({ flags: 0x1e }), 0x81],
  ['a will QoS without a will', p.connect({ flags: 0x0a }), 0x81],
  ['will retain without a will', p.connect({ flags: 0x22 }), 0x81],
  ['bytes after its end', p.connect({ trailing: Buffer.from('x') }), 0x81],
  ['a password that is missing', p.connect({ flags: 0x42 }), 0x81],
  [
    'two session expiries',
    p.connect({
      properties: [
        ['sessionExpiry', 1],
        ['sessionExpiry', 1],
      ],
    }),
    0x82,
  ],
  [
    'authentication data without a method',
    p.connect({ properties: [['authenticationData', 'x']] }),
    0x82,
  ],
  ['a property of CONNACK', p.connect({ properties: [['serverKeepAlive', 1]] }), 0x81],
  ['a will delay outside the will', p.connect({ properties: [['willDelay', 1]] }), 0x81],
  [
    'a topic alias in the will',
    p.connect({ will: { topic: 'w', properties: [['topicAlias', 1]] } }),
    0x81,
  ],
  [
    'a will whose payload is no text',
    p.connect({
      will: { topic: 'w', payload: Buffer.from([0xff]), properties: [['payloadFormat', 1]] },
    }),
    0x99,
  ],
  ['a will topic with a wildcard', p.connect({ will: { topic: '#' } }), 0x81],
  ['a client id with U+0000', p.connect({ clientId: 'a\0' }), 0x81],
])('a CONNECT with %s is refused', (_name, packet, code) => {
  expect(connect(packet)).toBe(code);
});

test('a listener that does not accept MQTT 5 refuses it as an unsupported version', () => {
  const packet = p.connect();
  const at4 = (source: Buffer, start: number, end: number) =>
    decodeConnect(source, start, end, [3, 4]);
  expect(decode(at4, packet)).toBe(0x84);
});

test.each([
  [4, 'puback', [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [5, 'pubrec', [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [6, 'pubrel', [0x00, 0x92]],
  [7, 'pubcomp', [0x00, 0x92]],
] as const)(
  'packet %i, %s, is read with the reason codes that it may have',
  (type, name, codes) => {
    expect(acknowledgement(type, p.acknowledge(name, 7))).toEqual({ packetId: 7, reasonCode: 0 });
    for (let code = 0; code < 256; code++) {
      const expected = codes.includes(code as never) ? { packetId: 7, reasonCode: code } : 0x82;
      expect(acknowledgement(type, p.acknowledge(name, 7, code))).toEqual(expected);
    }
    const properties: p.Properties = [
      ['reasonString', 'why'],
      ['userProperty', ['a', 'b']],
      ['userProperty', ['a', 'c']],
    ];
    expect(acknowledgement(type, p.acknowledge(name, 7, 0, properties))).toMatchObject({
      packetId: 7,
    });
    expect(acknowledgement(type, p.acknowledge(name, 0))).toBe(0x82);
    const twice = [...properties, ...properties];
    expect(acknowledgement(type, p.acknowledge(name, 7, 0, twice))).toBe(0x82);
    expect(acknowledgement(type, p.acknowledge(name, 7, 0, [['contentType', 'a']]))).toBe(0x81);
    expect(
      acknowledgement(type, Buffer.concat([p.acknowledge(name, 7, 0, []), Buffer.from('x')])),
    ).toBe(0x81);
    expect(acknowledgement(type, p.acknowledge(name, 7).subarray(0, 3))).toBe(0x81);
  },
);

test('reads SUBSCRIBE with options and an identifier', () => {
  const packet = p.subscribe(
    5,
    [
      ['a', 1 | p.NO_LOCAL | p.RETAIN_NEVER],
      ['$share/g/b/#', 2 | p.RETAIN_AS_PUBLISHED | p.RETAIN_IF_NEW],
    ],
    [['subscriptionIdentifier', 268_435_455]],
  );
  const identifier = 268_435_455;
  expect(decode(subscribe, packet)).toEqual({
    packetId: 5,
    requests: [
      {
        filter: 'a',
        qos: 1,
        options: { noLocal: true, retainAsPublished: false, retainHandling: 2, identifier },
      },
      {
        filter: '$share/g/b/#',
        qos: 2,
        options: { noLocal: false, retainAsPublished: true, retainHandling: 1, identifier },
      },
    ],
  });
});

test.each([
  ['QoS 3', p.subscribe(1, [['a', 3]]), 0x82],
  ['retain handling 3', p.subscribe(1, [['a', 0x30]]), 0x82],
  ['bit 6', p.subscribe(1, [['a', 0x40]]), 0x81],
  ['bit 7', p.subscribe(1, [['a', 0x80]]), 0x81],
  ['no filter', p.subscribe(1, []), 0x82],
  ['packet identifier 0', p.subscribe(0, [['a', 0]]), 0x82],
  ['identifier 0', p.subscribe(1, [['a', 0]], [['subscriptionIdentifier', 0]]), 0x82],
  [
    'two identifiers',
    p.subscribe(
      1,
      [['a', 0]],
      [
        ['subscriptionIdentifier', 1],
        ['subscriptionIdentifier', 2],
      ],
    ),
    0x82,
  ],
  ['No Local on a shared subscription', p.subscribe(1, [['$share/g/a', p.NO_LOCAL]]), 0x82],
  ['an empty share name', p.subscribe(1, [['$share//a', 0]]), 0x82],
  ['a share name with a wildcard', p.subscribe(1, [['$share/+/a', 0]]), 0x82],
  ['a share without a filter', p.subscribe(1, [['$share/g', 0]]), 0x82],
  ['a share with an empty filter', p.subscribe(1, [['$share/g/', 0]]), 0x82],
  ['an empty filter', p.subscribe(1, [['', 0]]), 0x81],
  ['a misplaced wildcard', p.subscribe(1, [['a#', 0]]), 0x81],
  ['a property of CONNECT', p.subscribe(1, [['a', 0]], [['sessionExpiry', 1]]), 0x81],
  ['a filter without options', p.subscribe(1, [['a', 0]]).subarray(0, -1), 0x81],
])('a SUBSCRIBE with %s is refused', (_name, packet, code) => {
  expect(decode(subscribe, packet)).toBe(code);
});

test('reads UNSUBSCRIBE, and refuses one without a filter', () => {
  const packet = p.unsubscribe(5, ['a', '$share/g/b'], [['userProperty', ['a', 'b']]]);
  expect(decode(unsubscribe, packet)).toEqual({
    packetId: 5,
    filters: ['a', '$share/g/b'],
  });
  expect(decode(unsubscribe, p.unsubscribe(5, []))).toBe(0x82);
  expect(decode(unsubscribe, p.unsubscribe(0, ['a']))).toBe(0x82);
  const identifier: p.Properties = [['subscriptionIdentifier', 1]];
  expect(decode(unsubscribe, p.unsubscribe(5, ['a'], identifier))).toBe(0x81);
});

test('reads DISCONNECT in its short and long forms, with the reason codes of clients', () => {
  const sessionExpiry = undefined;
  expect(decode(decodeDisconnect, p.disconnect())).toEqual({ reasonCode: 0, sessionExpiry });
  expect(decode(decodeDisconnect, p.disconnect(4))).toEqual({ reasonCode: 4, sessionExpiry });
  const later = p.disconnect(0, [['sessionExpiry', 9]]);
  expect(decode(decodeDisconnect, later)).toEqual({ reasonCode: 0, sessionExpiry: 9 });
  const codes = [0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
  for (let code = 0; code < 256; code++) {
    const expected = codes.includes(code) ? { reasonCode: code } : 0x82;
    const found = decode(decodeDisconnect, p.disconnect(code));
    if (typeof expected === 'number') expect(found).toBe(expected);
    else expect(found).toMatchObject(expected);
  }
  expect(decode(decodeDisconnect, p.disconnect(0, [['serverReference', 'a']]))).toBe(0x82);
});

test('reads AUTH, which needs a method', () => {
  const properties: p.Properties = [
    ['authenticationMethod', 'M'],
    ['authenticationData', 'data'],
  ];
  expect(decode(decodeAuth, p.auth(0x18, properties))).toEqual({
    reasonCode: 0x18,
    method: 'M',
    data: Buffer.from('data'),
  });
  expect(decode(decodeAuth, p.auth(0x18, []))).toBe(0x82);
  expect(decode(decodeAuth, p.auth())).toBe(0x82);
  expect(decode(decodeAuth, p.auth(0x87, properties))).toBe(0x82);
});

test('writes what a client reads', () => {
  const reasonString = 'because';
  expect(p.parse(encodeConnack5(true, 0, { receiveMaximum: 5, reasonString }))).toMatchObject({
    type: 'connack',
    sessionPresent: true,
    code: 0,
    properties: [
      ['receiveMaximum', 5],
      ['reasonString', reasonString],
    ],
  });
  expect(p.parse(encodeAcknowledgement(0x40, 300, 0x10))).toMatchObject({
    type: 'puback',
    id: 300,
    code: 0x10,
  });
  expect(p.parse(encodeFilterCodes(0x90, 300, [0, 0x87]))).toMatchObject({
    type: 'suback',
    id: 300,
    codes: [0, 0x87],
  });
  expect(p.parse(encodeDisconnect(0x8e, { reasonString }))).toMatchObject({
    type: 'disconnect',
    code: 0x8e,
    properties: [['reasonString', reasonString]],
  });
});

const decoders = {
  decodeSubscribe5: subscribe,
  decodeUnsubscribe5: unsubscribe,
  decodeDisconnect,
  decodeAuth,
  decodeConnect: (source: Buffer, start: number, end: number) =>
    decodeConnect(source, start, end, [5]),
  decodePuback: (source: Buffer, start: number, end: number) =>
    decodeAcknowledgement(4, source, start, end),
};

test.each(Object.entries(decoders))(
  '%s: any bytes are read or refused, never more than there are',
  (name, decoder) => {
    const head =
      name === 'decodeConnect' ? Buffer.from('00044d5154540502003c', 'hex') : Buffer.alloc(0);
    const junk = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(junk, junk, junk, (before, tail, behind) => {
        const body = Buffer.concat([head, tail]);
        const source = Buffer.concat([before, body, behind]);
        const attempt = (from: Buffer, start: number, end: number): unknown => {
          try {
            return decoder(from, start, end);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
            return (error as Error).message;
          }
        };
        const inside = attempt(source, before.length, before.length + body.length);
        expect(inside).toEqual(attempt(body, 0, body.length));
      }),
      { numRuns: 1000 },
    );
  },
);
