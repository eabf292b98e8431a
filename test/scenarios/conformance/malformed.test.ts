import { describe, expect, test } from 'vitest';
import { packetLimit } from '../../../src/mqtt/packet-limit.ts';
import { differs, transports, unique, useBroker } from '../../support/bench.ts';
import * as p from '../../support/packets.ts';

const LIMIT = 65_536;
const broker = useBroker({ limits: { packet: `${LIMIT / 1024}KiB` } });

const ILL_FORMED: readonly (readonly [string, Buffer])[] = [
  ['a lone continuation byte', Buffer.from([0x61, 0x80])],
  ['a sequence cut off', Buffer.from([0x61, 0xe2, 0x82])],
  ['an overlong slash', Buffer.from([0xc0, 0xaf])],
  ['an overlong three-byte character', Buffer.from([0xe0, 0x80, 0xaf])],
  ['a code point beyond U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80])],
  ['the byte 0xff', Buffer.from([0x61, 0xff])],
  ['a high surrogate', Buffer.from([0xed, 0xa0, 0x80])],
  ['a low surrogate', Buffer.from([0xed, 0xbf, 0xbf])],
  ['a pair of surrogates', Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80])],
];
const NULL = Buffer.from('a\0b');

describe.concurrent.each(transports)('over %s', (transport) => {
  const mqtt = broker.over(transport);
  const wsLimit = differs('mosquitto', 'has no such limit on WebSocket', transport === 'ws');

  const closesAfterConnect = async (...bytes: Uint8Array[]) => {
    const client = await mqtt.connect();
    client.send(...bytes);
    await client.closed();
  };
  const closesAtOnce = async (...bytes: Uint8Array[]) => {
    const client = await mqtt.open();
    client.send(...bytes);
    await client.closed();
  };

  test.each(ILL_FORMED)(
    '[MQTT-1.5.3-1] [MQTT-3.3.2-1] %s in a topic name closes the connection',
    async (_name, bytes) => closesAfterConnect(p.publish(bytes, 'x')),
  );

  test.each(ILL_FORMED)(
    '[MQTT-1.5.3-1] [MQTT-3.8.3-1] %s in a filter to subscribe closes the connection',
    async (_name, bytes) => closesAfterConnect(p.subscribe(1, [[bytes, 0]])),
  );

  test.each(ILL_FORMED)(
    '[MQTT-1.5.3-1] [MQTT-3.10.3-1] %s in a filter to unsubscribe closes the connection',
    async (_name, bytes) => closesAfterConnect(p.unsubscribe(1, [bytes])),
  );

  test.each(ILL_FORMED)(
    '[MQTT-1.5.3-1] [MQTT-3.1.3-4] %s in a client id closes the connection',
    async (_name, bytes) => closesAtOnce(p.connect({ clientId: bytes })),
  );

  test.each(ILL_FORMED)(
    '[MQTT-1.5.3-1] [MQTT-3.1.3-10] %s in a will topic closes the connection',
    async (_name, bytes) => closesAtOnce(p.connect({ clientId: 'c', will: { topic: bytes } })),
  );

  test.each(ILL_FORMED)(
    '[MQTT-1.5.3-1] [MQTT-3.1.3-11] %s in a user name closes the connection',
    async (_name, bytes) => closesAtOnce(p.connect({ clientId: 'c', username: bytes })),
  );

  test('[MQTT-1.5.3-2] [MQTT-4.7.3-2] U+0000 in a topic name closes the connection', async () => {
    await closesAfterConnect(p.publish(NULL, 'x'));
  });

  test('[MQTT-1.5.3-2] [MQTT-4.7.3-2] U+0000 in a filter to subscribe closes the connection', async () => {
    await closesAfterConnect(p.subscribe(1, [[NULL, 0]]));
  });

  test('[MQTT-1.5.3-2] [MQTT-4.7.3-2] U+0000 in a filter to unsubscribe closes the connection', async () => {
    await closesAfterConnect(p.unsubscribe(1, [NULL]));
  });

  test('[MQTT-1.5.3-2] U+0000 in a client id closes the connection', async () => {
    await closesAtOnce(p.connect({ clientId: NULL }));
  });

  test('[MQTT-1.5.3-2] U+0000 in a will topic closes the connection', async () => {
    await closesAtOnce(p.connect({ clientId: 'c', will: { topic: NULL } }));
  });

  test('[MQTT-1.5.3-2] U+0000 in a user name closes the connection', async () => {
    await closesAtOnce(p.connect({ clientId: 'c', username: NULL }));
  });

  test('[MQTT-1.5.3-3] U+FEFF at the start of a topic is kept, and makes another topic', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([`\uFEFF${topic}`, 0]);
    await client.publish(topic, 'without');
    await client.publish(`\uFEFF${topic}`, 'with');
    const message = await client.message();
    expect(message).toMatchObject({ topic: `\uFEFF${topic}`, payload: 'with' });
  });

  test.each([
    ['PUBACK', 0x41, p.u16(1)],
    ['PUBREC', 0x52, p.u16(1)],
    ['PUBCOMP', 0x78, p.u16(1)],
    ['PINGREQ', 0xc1, Buffer.alloc(0)],
  ])(
    '[MQTT-2.2.2-1] [MQTT-2.2.2-2] reserved flags in a %s close the connection',
    differs('mosquitto', 'looks at the flags of other packet types only'),
    async (_name, first, body) => closesAfterConnect(p.frame(first, body)),
  );

  test('[MQTT-2.2.2-1] [MQTT-2.2.2-2] reserved flags in a DISCONNECT close the connection', async () => {
    await closesAfterConnect(Buffer.from([0xe8, 0]));
  });

  test('[MQTT-2.2.2-1] [MQTT-2.2.2-2] reserved flags in a CONNECT close the connection', async () => {
    await closesAtOnce(p.connect({ clientId: 'c', firstByte: 0x12 }));
  });

  test.each([0x60, 0x61, 0x63, 0x66, 0x6a])(
    '[MQTT-3.6.1-1] [MQTT-2.2.2-2] a PUBREL that begins with %i closes the connection',
    async (first) => closesAfterConnect(p.frame(first, p.u16(1))),
  );

  test.each([0x80, 0x81, 0x83, 0x86, 0x8a])(
    '[MQTT-3.8.1-1] [MQTT-2.2.2-2] a SUBSCRIBE that begins with %i closes the connection',
    async (first) => {
      await closesAfterConnect(p.frame(first, p.u16(1), p.field('a'), Buffer.from([0])));
    },
  );

  test.each([0xa0, 0xa1, 0xa3, 0xa6, 0xaa])(
    '[MQTT-3.10.1-1] [MQTT-2.2.2-2] an UNSUBSCRIBE that begins with %i closes the connection',
    async (first) => closesAfterConnect(p.frame(first, p.u16(1), p.field('a'))),
  );

  test.each([
    ['PUBLISH of QoS 1', p.publish('a', 'x', { qos: 1, id: 0 })],
    ['PUBLISH of QoS 2', p.publish('a', 'x', { qos: 2, id: 0 })],
    ['SUBSCRIBE', p.subscribe(0, [['a', 0]])],
    ['UNSUBSCRIBE', p.unsubscribe(0, ['a'])],
  ])('[MQTT-2.3.1-1] packet identifier 0 in a %s closes the connection', async (_name, packet) => {
    await closesAfterConnect(packet);
  });

  test.each([
    ['0', Buffer.from([0x00, 0])],
    ['15', Buffer.from([0xf0, 0])],
    ['CONNACK', Buffer.from([0x20, 2, 0, 0])],
  ])(
    '[MQTT-4.8.0-1] a packet of type %s from a client closes the connection',
    async (_name, packet) => {
      await closesAfterConnect(packet);
    },
  );

  test.each([
    ['SUBACK', Buffer.from([0x90, 3, 0, 1, 0])],
    ['UNSUBACK', Buffer.from([0xb0, 2, 0, 1])],
    ['PINGRESP', Buffer.from([0xd0, 0])],
  ])(
    '[MQTT-4.8.0-1] a %s from a client closes the connection',
    differs('mosquitto', 'takes these for the answers of a bridge'),
    async (_name, packet) => closesAfterConnect(packet),
  );

  test.each([
    ['a remaining length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a remaining length that does not end', Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x80])],
    ['a PUBLISH without a topic', p.frame(0x30)],
    ['a PUBLISH with half a topic length', p.frame(0x30, Buffer.from([0]))],
    ['a PUBLISH whose topic is cut off', p.frame(0x30, Buffer.from([0, 9, 0x61]))],
    ['a PUBLISH of QoS 1 without an identifier', p.frame(0x32, p.field('a'))],
    ['a PUBLISH of QoS 2 with half an identifier', p.frame(0x34, p.field('a'), Buffer.from([0]))],
    ['a PUBACK without an identifier', p.frame(0x40)],
    ['a PUBACK with half an identifier', p.frame(0x40, Buffer.from([1]))],
    ['a PUBREL without an identifier', p.frame(0x62)],
    ['a SUBSCRIBE without an identifier', p.frame(0x82)],
    ['a SUBSCRIBE whose filter is cut off', p.frame(0x82, p.u16(1), Buffer.from([0, 9, 0x61]))],
    ['a SUBSCRIBE without a QoS', p.frame(0x82, p.u16(1), p.field('a'))],
    ['an UNSUBSCRIBE without an identifier', p.frame(0xa2)],
    ['an UNSUBSCRIBE whose filter is cut off', p.frame(0xa2, p.u16(1), Buffer.from([0, 9, 0x61]))],
  ])('[MQTT-4.8.0-1] %s closes the connection', async (_name, packet) => {
    await closesAfterConnect(packet);
  });

  test.each([
    ['PUBACK', p.frame(0x40, p.u16(1), Buffer.from([0]))],
    ['PUBREC', p.frame(0x50, p.u16(1), Buffer.from([0]))],
    ['PUBREL', p.frame(0x62, p.u16(1), Buffer.from([0]))],
    ['PUBCOMP', p.frame(0x70, p.u16(1), Buffer.from([0]))],
    ['PINGREQ', p.frame(0xc0, Buffer.from([0]))],
  ])(
    '[MQTT-4.8.0-1] a %s with a byte too many closes the connection',
    differs('mosquitto', 'ignores what follows'),
    async (_name, packet) => closesAfterConnect(packet),
  );

  test('[MQTT-4.8.0-1] a DISCONNECT with a byte too many closes the connection', async () => {
    await closesAfterConnect(p.frame(0xe0, Buffer.from([0])));
  });

  test('[MQTT-4.8.0-1] a protocol violation ends only the connection that it came on', async () => {
    const topic = unique('t');
    const bystander = await mqtt.connect();
    await bystander.subscribe([topic, 1]);
    await closesAfterConnect(p.publish('a/+', 'x'));
    await bystander.publish(topic, 'still here', { qos: 0 });
    expect((await bystander.message()).payload).toBe('still here');
  });

  test('[MQTT-4.8.0-1] good packets before a bad one in the same segment are processed', async () => {
    const topic = unique('t');
    const watcher = await mqtt.connect();
    await watcher.subscribe([topic, 0]);
    const client = await mqtt.connect();
    client.send(p.publish(topic, 'good'), Buffer.from([0xf0, 0]), p.publish(topic, 'after'));
    await client.closed();
    expect((await watcher.message()).payload).toBe('good');
    await watcher.publish(topic, 'end');
    expect(await watcher.messagesBefore('end')).toEqual([]);
  });

  test(
    '[cellgate] a payload longer than the limit closes the connection at the beginning of its packet',
    wsLimit,
    async () => {
      const client = await mqtt.connect();
      const whole = p.publish('a', Buffer.alloc(LIMIT + 1));
      client.send(whole.subarray(0, 100));
      await client.closed();
    },
  );

  test(
    '[cellgate] a CONNECT longer than the limit closes the connection at its header',
    wsLimit,
    async () => {
      const client = await mqtt.open();
      const whole = p.connect({
        clientId: 'c',
        will: { topic: 'a', payload: Buffer.alloc(60_000) },
      });
      const length = p.remainingLength(packetLimit(LIMIT));
      const header = Buffer.concat([Buffer.from([0x10]), length]);
      client.send(header, whole.subarray(4, 100));
      await client.closed();
    },
  );

  test(
    '[cellgate] a first packet that claims 256 MB closes the connection at once',
    wsLimit,
    async () => {
      const client = await mqtt.open();
      client.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(100));
      await client.closed();
    },
  );

  test('[cellgate] a payload of the limit passes', async () => {
    const topic = unique('t');
    const client = await mqtt.connect();
    await client.subscribe([topic, 0]);
    const payload = 'x'.repeat(LIMIT);
    await client.publish(topic, payload);
    expect((await client.message()).payload).toBe(payload);
  });
});

test('[MQTT-2.3.1-5] a PUBLISH of QoS 0 has no packet identifier', async () => {
  const mqtt = broker.over('tcp');
  const topic = unique('t');
  const client = await mqtt.connect();
  await client.subscribe([topic, 2]);
  await client.publish(topic, 'xyz');
  expect((await client.message()).raw).toEqual(p.publish(topic, 'xyz'));
});
