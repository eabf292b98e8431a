import { describe, expect, onTestFinished, test } from 'vitest';
import { startBroker } from '../../support/broker.ts';
import { Client5 } from '../../support/client-5.ts';
import { field, frame, u16 } from '../../support/packets.ts';
import * as p from '../../support/packets-5.ts';
import { RawClient } from '../../support/raw-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const SURROGATE = Buffer.from([0x61, 0xed, 0xa0, 0x80]);
const NULL = 'a\0b';
const PAIR = (name: string | Uint8Array, value: string | Uint8Array) =>
  Buffer.concat([Buffer.from([38]), field(name), field(value)]);
const withProperty = (bytes: Uint8Array) => p.publish('t', 'x', { properties: bytes });
/** A CONNECT with any protocol name, level, flags and payload. */
const rawConnect = (name: string, level: number, flags: number, ...payload: Buffer[]) =>
  frame(0x10, field(name), Buffer.from([level, flags]), u16(0), p.block(), ...payload);

const MALFORMED: readonly (readonly [name: string, packet: Buffer, code: number])[] = [
  ['[MQTT-1.5.4-1] [MQTT-3.3.2-1] a surrogate in a topic', p.publish(SURROGATE), 0x81],
  ['[MQTT-1.5.4-1] [MQTT-3.8.3-1] a surrogate in a filter', p.subscribe(1, [[SURROGATE, 0]]), 0x81],
  [
    '[MQTT-1.5.4-1] [MQTT-3.10.3-1] a surrogate in a filter to unsubscribe',
    p.unsubscribe(1, [SURROGATE]),
    0x81,
  ],
  ['[MQTT-1.5.4-2] [MQTT-4.7.3-2] U+0000 in a topic', p.publish(NULL), 0x81],
  ['[MQTT-1.5.4-2] [MQTT-4.7.3-2] U+0000 in a filter', p.subscribe(1, [[NULL, 0]]), 0x81],
  [
    '[MQTT-1.5.7-1] a surrogate in the name of a user property',
    withProperty(PAIR(SURROGATE, 'x')),
    0x81,
  ],
  [
    '[MQTT-1.5.7-1] a surrogate in the value of a user property',
    withProperty(PAIR('x', SURROGATE)),
    0x81,
  ],
  [
    '[MQTT-3.3.2-13] a surrogate in a response topic',
    p.publish('t', '', { properties: [['responseTopic', SURROGATE]] }),
    0x81,
  ],
  [
    '[MQTT-3.3.2-19] a surrogate in a content type',
    p.publish('t', '', { properties: [['contentType', SURROGATE]] }),
    0x81,
  ],
  ['[MQTT-2.1.3-1] [MQTT-3.6.1-1] PUBREL with other flags', frame(0x60, u16(1)), 0x81],
  [
    '[MQTT-2.1.3-1] [MQTT-3.8.1-1] SUBSCRIBE with other flags',
    frame(0x80, u16(1), p.block(), field('t'), Buffer.from([0])),
    0x81,
  ],
  [
    '[MQTT-2.1.3-1] [MQTT-3.10.1-1] UNSUBSCRIBE with other flags',
    frame(0xa0, u16(1), p.block(), field('t')),
    0x81,
  ],
  ['[MQTT-2.1.3-1] [MQTT-3.14.1-1] DISCONNECT with flags', frame(0xe1, Buffer.from([0])), 0x81],
  ['[MQTT-2.1.3-1] [MQTT-3.15.1-1] AUTH with flags', frame(0xf1, Buffer.from([0])), 0x81],
  ['[MQTT-3.3.1-4] QoS 3', frame(0x36, field('t'), u16(1), p.block()), 0x81],
  ['[MQTT-3.8.3-2] SUBSCRIBE without a filter', p.subscribe(1, []), 0x82],
  ['[MQTT-3.10.3-2] UNSUBSCRIBE without a filter', p.unsubscribe(1, []), 0x82],
  ['[MQTT-3.8.3-5] reserved bits of the options', p.subscribe(1, [['t', 0x40]]), 0x81],
  [
    '[MQTT-3.8.3-4] No Local on a shared subscription',
    p.subscribe(1, [['$share/g/t', p.NO_LOCAL]]),
    0x82,
  ],
  [
    '[MQTT-3.3.4-6] a subscription identifier in a PUBLISH',
    p.publish('t', '', { properties: [['subscriptionIdentifier', 1]] }),
    0x82,
  ],
  ['[MQTT-3.3.2-8] alias 0', p.publish('t', '', { properties: [['topicAlias', 0]] }), 0x94],
  ['[MQTT-3.1.0-2] [MQTT-3.2.0-2] a second CONNECT', p.connect({ clientId: 'c' }), 0x82],
  [
    '[MQTT-4.12.0-7] AUTH without a method in CONNECT',
    p.auth(0x19, [['authenticationMethod', 'X']]),
    0x82,
  ],
];

const FORBIDDEN: readonly (readonly [name: string, packet: Buffer])[] = [
  ['[MQTT-3.3.2-2] [MQTT-4.7.0-1] a topic with #', p.publish('a/#', 'x')],
  ['[MQTT-3.3.2-2] [MQTT-4.7.0-1] a topic with +', p.publish('a/+', 'x')],
  [
    '[MQTT-3.3.2-14] a response topic with a wildcard',
    p.publish('t', '', { properties: [['responseTopic', 'a/#']] }),
  ],
  ['[MQTT-4.7.3-1] an empty topic without an alias', p.publish('', 'x')],
  ['[MQTT-2.2.1-3] packet identifier 0', p.publish('t', 'x', { qos: 1, id: 0 })],
  ['[MQTT-3.3.1-2] DUP at QoS 0', p.publish('t', 'x', { dup: true })],
  [
    '[MQTT-1.5.5-1] a property length of more bytes than needed',
    frame(0x30, field('t'), Buffer.from([0x80, 0])),
  ],
];

const MALFORMED_CONNECT: readonly (readonly [name: string, packet: Buffer])[] = [
  ['[MQTT-3.1.2-3] the reserved flag', p.connect({ clientId: 'c', flags: 0x03 })],
  ['[MQTT-3.1.2-9] a will flag without a will', p.connect({ clientId: 'c', flags: 0x06 })],
  ['[MQTT-3.1.2-11] the QoS of a will without a will', p.connect({ clientId: 'c', flags: 0x0a })],
  [
    '[MQTT-3.1.2-12] a will of QoS 3',
    p.connect({ clientId: 'c', will: { topic: 'w', payload: 'x', qos: 3 as never } }),
  ],
  ['[MQTT-3.1.2-13] a retained will without a will', p.connect({ clientId: 'c', flags: 0x22 })],
  [
    '[MQTT-3.1.2-16] a user name without its flag',
    p.connect({ clientId: 'c', username: 'u', flags: 0x02 }),
  ],
  ['[MQTT-3.1.2-17] a flag without a user name', p.connect({ clientId: 'c', flags: 0x82 })],
  [
    '[MQTT-3.1.2-18] a password without its flag',
    p.connect({ clientId: 'c', password: 'p', flags: 0x02 }),
  ],
  ['[MQTT-3.1.2-19] a flag without a password', p.connect({ clientId: 'c', flags: 0x42 })],
  ['[MQTT-3.1.3-3] no client id', rawConnect('MQTT', 5, 2)],
  ['[MQTT-3.1.3-4] a surrogate in the client id', p.connect({ clientId: SURROGATE })],
  [
    '[MQTT-3.1.3-11] a surrogate in the will topic',
    p.connect({ clientId: 'c', will: { topic: SURROGATE, payload: 'x' } as never }),
  ],
  [
    '[MQTT-3.1.3-12] a surrogate in the user name',
    p.connect({ clientId: 'c', username: SURROGATE }),
  ],
];

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  const start = () => startBroker(tempFolder(), {}, {}, transport);

  test('[MQTT-3.14.2-1] [MQTT-3.14.4-2] [MQTT-4.13.1-1] [MQTT-4.13.2-1] a malformed packet or a protocol error ends the connection with its reason code', async () => {
    const broker = await start();
    for (const [name, packet, code] of MALFORMED) {
      const client = await broker.client5({ clientId: 'c' });
      client.send(packet);
      expect((await client.next('disconnect')).code, name).toBe(code);
      await client.raw.closed();
    }
  });

  test('[MQTT-4.13.1-1] what a client must not send is refused with a DISCONNECT', async () => {
    const broker = await start();
    for (const [name, packet] of FORBIDDEN) {
      const client = await broker.client5({ clientId: 'c' });
      client.send(packet);
      expect([0x81, 0x82, 0x90], name).toContain((await client.next('disconnect')).code);
      await client.raw.closed();
    }
  });

  test('[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] filters with # or + in a wrong place, and an empty one, are refused', async () => {
    const broker = await start();
    for (const filter of ['a#', '#/a', 'a/#/b', 'a+', '+a/b', '']) {
      const client = await broker.client5({ clientId: 'c' });
      client.send(p.subscribe(1, [[filter, 0]]));
      const { type, code, codes } = await client.next();
      if (type === 'suback') expect(codes, filter).toEqual([0x8f]);
      else expect([type, code! >= 0x80], filter).toEqual(['disconnect', true]);
      client.destroy();
    }
  });

  test('[MQTT-3.1.4-1] [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.14.0-1] a malformed CONNECT gets a CONNACK with 0x81 and no session, then the end', async () => {
    const broker = await start();
    for (const [name, packet] of MALFORMED_CONNECT) {
      const client = await Client5.open(transport, broker.port);
      client.send(packet);
      expect(await client.next('connack'), name).toMatchObject({
        code: 0x81,
        sessionPresent: false,
      });
      await client.raw.closed();
    }
  });

  test('[MQTT-3.1.0-1] another packet before CONNECT ends the connection', async () => {
    const broker = await start();
    const client = await Client5.open(transport, broker.port);
    client.send(p.subscribe(1, [['t', 0]]));
    await client.raw.gone();
  });

  test('[MQTT-4.12.0-1] an unknown authentication method gets 0x8C, then the end', async () => {
    const broker = await start();
    const client = await Client5.open(transport, broker.port);
    client.send(p.connect({ clientId: 'c', properties: [['authenticationMethod', 'X']] }));
    expect(await client.next('connack')).toMatchObject({ code: 0x8c, sessionPresent: false });
    await client.raw.closed();
  });

  test('[MQTT-1.5.4-3] U+FEFF in a topic is kept', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    await client.subscribe([['#', 0]]);
    await client.publish('\ufefft', 'x');
    expect(await client.message()).toMatchObject({ topic: '\ufefft', payload: 'x' });
  });

  test('[MQTT-3.1.3-1] [MQTT-3.1.3-5] [MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.2-1] [MQTT-3.12.4-1] all fields of CONNECT are understood, CONNACK comes first, PINGREQ is answered', async () => {
    const broker = await start();
    const will = { topic: 'w', payload: 'x', qos: 1 as const, retain: true };
    const client = await Client5.open(transport, broker.port);
    onTestFinished(() => client.destroy());
    client.send(
      p.connect({ clientId: 'abcXYZ0123456789abcXYZ0', will, keepalive: 60 }),
      Buffer.from([0xc0, 0]),
    );
    const connack = await client.next('connack');
    expect(connack).toMatchObject({ code: 0, sessionPresent: false });
    expect(connack.raw[2]).toBe(0);
    await client.next('pingresp');
  });

  test('[MQTT-3.1.2-1] [MQTT-3.1.2-2] another protocol name or version ends the connection', async () => {
    const broker = await start();
    for (const [name, level] of [
      ['MQTX', 5],
      ['MQTT', 6],
    ] as const) {
      // The answer to an unknown version has the form of MQTT 3.1.1.
      const client = await RawClient.open(transport, broker.port);
      client.send(rawConnect(name, level, 2, field('c')));
      await client.gone();
    }
  });

  test('[MQTT-3.1.4-6] what follows a refused CONNECT is not processed', async () => {
    const broker = await start();
    const watcher = await broker.client5({ clientId: 'w' });
    await watcher.subscribe([['t', 0]]);
    const client = await Client5.open(transport, broker.port);
    client.send(p.connect({ clientId: 'c', flags: 0x03 }), p.publish('t', 'x'));
    expect(await client.next('connack')).toMatchObject({ code: 0x81 });
    await client.raw.closed();
    await watcher.quiet();
  });

  test('[MQTT-2.2.1-2] [MQTT-2.2.2-1] a PUBLISH of QoS 0 has no identifier, and without properties their length is 0', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    await client.subscribe([['t', 0]]);
    await client.publish('t', 'x');
    expect((await client.message()).raw.toString('hex')).toBe('30050001740078');
  });
});
