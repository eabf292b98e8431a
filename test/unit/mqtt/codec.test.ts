import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeAcknowledged,
  decodePublish,
  decodeSubscribe,
  decodeUnsubscribe,
  encodeConnack,
  encodeSuback,
  type PublishPlaces,
} from '../../../src/mqtt/codec.ts';
import { decodeConnect as decodeAny } from '../../../src/mqtt/connect.ts';
import { decodeTopic } from '../../../src/mqtt/fields.ts';
import { ProtocolError } from '../../../src/mqtt/protocol-error.ts';
import * as packets from '../../support/packets.ts';

/** The codec that aedes and mqtt.js use, as an independent reference. */
const reference = createRequire(import.meta.url)('mqtt-packet') as {
  generate(packet: object): Buffer;
  parser(): {
    on(event: string, heard: (packet: object) => void): void;
    parse(bytes: Buffer): number;
  };
};

function decodedByReference(bytes: Buffer): Record<string, unknown> {
  const packets: object[] = [];
  const parser = reference.parser();
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => {
    throw error;
  });
  expect(parser.parse(bytes)).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0] as Record<string, unknown>;
}

/** A CONNECT on a listener that accepts all versions. */
const decodeConnect = (source: Buffer, start: number, end: number) =>
  decodeAny(source, start, end, [3, 4, 5]);

/** Where the fixed header ends. */
function bodyOf(bytes: Buffer): number {
  let at = 1;
  while (bytes[at]! & 0x80) at++;
  return at + 1;
}

const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((each) => !each.includes('\0'));
const level = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((each) => !/[+#/\0]/.test(each));
const topic = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((each) => each !== '');
const filter = fc
  .array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((each) => each !== '');
const qos = fc.constantFrom(0, 1, 2);
const packetId = fc.integer({ min: 1, max: 65_535 });
const bytes = fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each));

test('reads every CONNECT that the other codec writes', () => {
  const connects = fc.record({
    clientId: text.filter((each) => each !== ''),
    clean: fc.boolean(),
    keepalive: fc.integer({ min: 0, max: 65_535 }),
    v31: fc.boolean(),
    will: fc.option(fc.record({ topic, payload: bytes, qos, retain: fc.boolean() })),
    username: fc.option(text.filter((each) => each !== '')),
    password: fc.option(bytes),
  });
  fc.assert(
    fc.property(connects, ({ v31, will, username, password, ...rest }) => {
      const packet = reference.generate({
        cmd: 'connect',
        protocolId: v31 ? 'MQIsdp' : 'MQTT',
        protocolVersion: v31 ? 3 : 4,
        ...rest,
        ...(will ? { will } : {}),
        ...(username === null ? {} : { username, ...(password ? { password } : {}) }),
      });
      expect(decodeConnect(packet, bodyOf(packet), packet.length)).toEqual({
        version: v31 ? 3 : 4,
        bridge: false,
        properties: {},
        ...rest,
        will: will ?? undefined,
        username: username ?? undefined,
        password: username === null ? undefined : (password ?? undefined),
      });
    }),
  );
});

test('reads every SUBSCRIBE and UNSUBSCRIBE that the other codec writes', () => {
  const requests = fc.array(fc.record({ filter, qos }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(packetId, requests, (messageId, wishes) => {
      const subscriptions = wishes.map((wish) => ({ topic: wish.filter, qos: wish.qos }));
      const subscribe = reference.generate({ cmd: 'subscribe', messageId, subscriptions });
      const decoded = decodeSubscribe(subscribe, bodyOf(subscribe), subscribe.length);
      expect([decoded.packetId, [...decoded.requests]]).toEqual([messageId, wishes]);
      expect([...decoded.requests]).toEqual(wishes);
      const unsubscriptions = wishes.map((wish) => wish.filter);
      const unsubscribe = reference.generate({ cmd: 'unsubscribe', messageId, unsubscriptions });
      const without = decodeUnsubscribe(unsubscribe, bodyOf(unsubscribe), unsubscribe.length);
      expect([without.packetId, [...without.filters]]).toEqual([messageId, unsubscriptions]);
    }),
  );
});

/** Keeps the places of a PUBLISH. */
function recorder() {
  const found = { places: [] as unknown[] };
  const places: PublishPlaces = {
    at: (_source, ...rest) => {
      found.places = rest;
    },
  };
  return { found, places };
}

test('finds the parts of every PUBLISH that the other codec writes', () => {
  fc.assert(
    fc.property(topic, bytes, qos, fc.boolean(), packetId, (name, payload, level, retain, id) => {
      const packet = reference.generate({
        cmd: 'publish',
        topic: name,
        payload,
        qos: level,
        retain,
        dup: false,
        messageId: id,
      });
      const body = bodyOf(packet);
      const { found, places } = recorder();
      const read = decodePublish(packet[0]!, packet, body, packet.length, places);
      const topicEnd = body + 2 + Buffer.byteLength(name);
      const payloadStart = packet.length - payload.length;
      expect(read).toBe(level > 0 ? id : 0);
      expect(found.places).toEqual([body, topicEnd, payloadStart, packet.length, level, retain]);
    }),
  );
});

test.each([
  ['QoS 3', 0x36, '000174 0001', 'PUBLISH with QoS 3'],
  ['DUP at QoS 0', 0x38, '000174', 'PUBLISH with DUP at QoS 0'],
  ['a topic beyond its end', 0x30, '000474', 'PUBLISH ends too early'],
  ['no packet identifier', 0x32, '00017400', 'PUBLISH ends too early'],
  ['packet identifier 0', 0x32, '0001740000', 'packet identifier 0'],
  ['one byte', 0x30, '00', 'PUBLISH ends too early'],
])('a PUBLISH with %s is refused', (_name, header, hex, message) => {
  const source = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const { found, places } = recorder();
  expect(() => decodePublish(header, source, 0, source.length, places)).toThrow(message);
  expect(found.places).toEqual([]);
});

test('writes CONNACK and SUBACK as the other codec reads them', () => {
  fc.assert(
    fc.property(
      packetId,
      fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1 }),
      (id, granted) => {
        expect(decodedByReference(encodeSuback(id, granted))).toMatchObject({
          cmd: 'suback',
          messageId: id,
          granted,
        });
      },
    ),
  );
  expect(decodedByReference(encodeSuback(7, new Array(20_000).fill(1)))).toMatchObject({
    cmd: 'suback',
  });
  expect(decodedByReference(encodeConnack(true, 0))).toMatchObject({
    cmd: 'connack',
    sessionPresent: true,
  });
  expect(decodedByReference(encodeConnack(false, 5))).toMatchObject({
    returnCode: 5,
    sessionPresent: false,
  });
});

type Decoded = [source: Buffer, start: number, end: number];
const requestsOf = (...at: Decoded) => [...decodeSubscribe(...at).requests];
const filtersOf = (...at: Decoded) => [...decodeUnsubscribe(...at).filters];
const decoders = { decodeConnect, requestsOf, filtersOf, decodeAcknowledged };

test.each(Object.entries(decoders))(
  '%s: any bytes are read or refused, never more than there are',
  (_name, decode) => {
    const junk = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(junk, junk, junk, (before, body, behind) => {
        const source = Buffer.concat([before, body, behind]);
        const alone = attempt(() => decode(Buffer.from(body), 0, body.length));
        const inside = attempt(() => decode(source, before.length, before.length + body.length));
        expect(inside).toEqual(alone);
      }),
      { numRuns: 1000 },
    );
  },
);

function attempt(step: () => unknown): unknown {
  try {
    return step();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as Error).message;
  }
}

test('what is kept of a packet does not pin the buffer that it was read from', () => {
  const packet = reference.generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    clientId: 'c',
    keepalive: 0,
    will: { topic: 'w', payload: Buffer.from('payload'), qos: 0, retain: false },
    username: 'u',
    password: Buffer.from('secret'),
  });
  const { will, password } = decodeConnect(packet, bodyOf(packet), packet.length);
  packet.fill(0);
  expect(will!.payload.toString()).toBe('payload');
  expect(password!.toString()).toBe('secret');
});

test('topics and filters may have as many levels as their length allows', () => {
  const topic = 'a/'.repeat(32_767);
  expect(decodeTopic(Buffer.from(topic))).toBe(topic);
  const filters = ['/'.repeat(65_535), '+/'.repeat(32_767), `${'/'.repeat(65_534)}#`];
  const requests = filters.map((filter) => [filter, 1] as const);
  const bytes = packets.subscribe(1, requests);
  const decoded = decodeSubscribe(bytes, bodyOf(bytes), bytes.length);
  expect([...decoded.requests].map((request) => request.filter)).toEqual(filters);
});

test.each([
  'a+',
  '+a',
  'a/+b/c',
  'a#',
  '#a',
  '#/a',
  'a/#/b',
  '##',
  '++',
  '+#',
  'a/b#',
  '\n+',
  '#\n',
])('the filter %j has a wildcard in the wrong place', (filter) => {
  const bytes = packets.subscribe(1, [[filter, 1]]);
  expect(() => requestsOf(bytes, bodyOf(bytes), bytes.length)).toThrow('wrong place');
});
