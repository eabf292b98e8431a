import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeAcknowledged,
  decodeConnect,
  decodeSubscribe,
  decodeTopic,
  decodeUnsubscribe,
  encodeConnack,
  encodeSuback,
  ProtocolError,
} from '../../../src/mqtt/codec.ts';

/** The codec that aedes and mqtt.js use, as an independent judge. */
const judge = createRequire(import.meta.url)('mqtt-packet') as {
  generate(packet: object): Buffer;
  parser(): {
    on(event: string, heard: (packet: object) => void): void;
    parse(bytes: Buffer): number;
  };
};

function judged(bytes: Buffer): Record<string, unknown> {
  const packets: object[] = [];
  const parser = judge.parser();
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => {
    throw error;
  });
  expect(parser.parse(bytes)).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0] as Record<string, unknown>;
}

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
      const packet = judge.generate({
        cmd: 'connect',
        protocolId: v31 ? 'MQIsdp' : 'MQTT',
        protocolVersion: v31 ? 3 : 4,
        ...rest,
        ...(will ? { will } : {}),
        ...(username === null ? {} : { username, ...(password ? { password } : {}) }),
      });
      expect(decodeConnect(packet, bodyOf(packet), packet.length)).toEqual({
        protocolName: v31 ? 'MQIsdp' : 'MQTT',
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
      const subscribe = judge.generate({ cmd: 'subscribe', messageId, subscriptions });
      expect(decodeSubscribe(subscribe, bodyOf(subscribe), subscribe.length)).toEqual({
        packetId: messageId,
        requests: wishes,
      });
      const unsubscriptions = wishes.map((wish) => wish.filter);
      const unsubscribe = judge.generate({ cmd: 'unsubscribe', messageId, unsubscriptions });
      expect(decodeUnsubscribe(unsubscribe, bodyOf(unsubscribe), unsubscribe.length)).toEqual({
        packetId: messageId,
        filters: unsubscriptions,
      });
    }),
  );
});

test('writes CONNACK and SUBACK as the other codec reads them', () => {
  fc.assert(
    fc.property(
      packetId,
      fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1 }),
      (id, granted) => {
        expect(judged(encodeSuback(id, granted))).toMatchObject({
          cmd: 'suback',
          messageId: id,
          granted,
        });
      },
    ),
  );
  expect(judged(encodeSuback(7, new Array(20_000).fill(1)))).toMatchObject({ cmd: 'suback' });
  expect(judged(encodeConnack(true, 0))).toMatchObject({ cmd: 'connack', sessionPresent: true });
  expect(judged(encodeConnack(false, 5))).toMatchObject({ returnCode: 5, sessionPresent: false });
});

const decoders = { decodeConnect, decodeSubscribe, decodeUnsubscribe, decodeAcknowledged };

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
  const packet = judge.generate({
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

test('a topic has at most 128 levels', () => {
  expect(decodeTopic(Buffer.from('/'.repeat(127)))).toHaveLength(127);
  expect(() => decodeTopic(Buffer.from('/'.repeat(128)))).toThrow('too many levels');
});
