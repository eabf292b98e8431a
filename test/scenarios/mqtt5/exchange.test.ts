import { describe, expect, test } from 'vitest';
import { createAheadClock } from '../../support/ahead-clock.ts';
import { startBroker } from '../../support/broker.ts';
import * as p from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const clock = createAheadClock();

/** A session that stays. */
const KEPT = { clean: false, properties: [['sessionExpiry', 3600]] as p.Properties };

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  const start = () => startBroker(tempFolder(), {}, { clock }, transport, clock);

  test('[MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1] each QoS is answered with its identifier', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    client.send(p.publish('t', '0'), p.publish('t', '1', { qos: 1, id: 65535 }));
    const puback = await client.next('puback');
    expect(puback.id).toBe(65535);
    expect([0, 0x10]).toContain(puback.code ?? 0);
    client.send(p.publish('t', '2', { qos: 2, id: 7 }));
    const pubrec = await client.next('pubrec');
    expect(pubrec.id).toBe(7);
    expect([0, 0x10]).toContain(pubrec.code ?? 0);
    client.send(p.acknowledge('pubrel', 7));
    expect(await client.next('pubcomp')).toMatchObject({ id: 7 });
    client.send(p.acknowledge('pubrel', 8));
    expect(await client.next('pubcomp')).toMatchObject({ id: 8, code: 0x92 });
  });

  test('[MQTT-4.3.3-10] [MQTT-4.3.3-12] [MQTT-4.3.2-5] an identifier means the same message until it is released, then a new one', async () => {
    const broker = await start();
    const subscriber = await broker.client5({ clientId: 's' });
    await subscriber.subscribe([['t', 0]]);
    const client = await broker.client5({ clientId: 'c' });
    client.send(p.publish('t', 'once', { qos: 2, id: 5 }));
    await client.next('pubrec');
    client.send(p.publish('t', 'once', { qos: 2, id: 5, dup: true }));
    expect(await client.next('pubrec')).toMatchObject({ id: 5 });
    client.send(p.acknowledge('pubrel', 5));
    await client.next('pubcomp');
    await client.publish('t', 'new', { qos: 2, id: 5 });
    await client.publish('t', 'first', { qos: 1, id: 5 });
    await client.publish('t', 'second', { qos: 1, id: 5, dup: true });
    for (const payload of ['once', 'new', 'first', 'second']) {
      expect(await subscriber.message()).toMatchObject({ payload, dup: false });
    }
    await subscriber.quiet();
  });

  test('[MQTT-2.2.1-4] [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.2-3] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.4.0-1] what is not acknowledged comes again on a new connection, in order, with DUP and its identifier', async () => {
    const broker = await start();
    const first = await broker.client5({ clientId: 's', ...KEPT });
    await first.subscribe([['t', 2]]);
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('t', 'zero');
    for (const qos of [1, 2]) await publisher.publish('t', `${qos}`, { qos });
    expect(await first.next('publish')).toMatchObject({ payload: 'zero', qos: 0, dup: false });
    const sent = [await first.next('publish'), await first.next('publish')];
    expect(sent).toMatchObject([
      { payload: '1', qos: 1, dup: false },
      { payload: '2', qos: 2, dup: false },
    ]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(2);
    expect(sent.every(({ id }) => id! > 0)).toBe(true);
    await first.quiet();
    first.destroy();
    const second = await broker.client5({ clientId: 's', ...KEPT });
    for (const { id, payload } of sent) {
      expect(await second.next('publish')).toMatchObject({ id, payload, dup: true });
    }
    await second.quiet();
  });

  test('[MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-3.6.2-1] PUBREC is answered by PUBREL, which comes again until PUBCOMP', async () => {
    const broker = await start();
    const first = await broker.client5({ clientId: 's', ...KEPT });
    await first.subscribe([['t', 2]]);
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('t', 'x', { qos: 2 });
    const { id } = await first.next('publish');
    first.send(p.acknowledge('pubrec', id!));
    expect(await first.next('pubrel')).toMatchObject({ id });
    first.destroy();
    const second = await broker.client5({ clientId: 's', ...KEPT });
    const again = await second.next('pubrel');
    expect(again.id).toBe(id);
    expect(again.code ?? 0).toBe(0);
    second.send(p.acknowledge('pubcomp', id!));
    await second.quiet();
    second.destroy();
    const third = await broker.client5({ clientId: 's', ...KEPT });
    await third.quiet();
  });

  test('[MQTT-4.4.0-2] a PUBACK with an error acknowledges the message', async () => {
    const broker = await start();
    const first = await broker.client5({ clientId: 's', ...KEPT });
    await first.subscribe([['t', 1]]);
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('t', 'x', { qos: 1 });
    const { id } = await first.next('publish');
    first.send(p.acknowledge('puback', id!, 0x80));
    await first.quiet();
    first.destroy();
    const second = await broker.client5({ clientId: 's', ...KEPT });
    await second.quiet();
  });

  test('[MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.11.3-2] SUBACK and UNSUBACK have the identifier and the codes in order', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    const wishes = [0, 2, 1].map((qos) => [`t/${qos}`, qos] as const);
    client.send(p.subscribe(513, wishes));
    expect(await client.next('suback')).toMatchObject({ id: 513, codes: [0, 2, 1] });
    client.send(p.unsubscribe(258, ['t/2', 'none', 't/0']));
    expect(await client.next('unsuback')).toMatchObject({ id: 258, codes: [0, 0x11, 0] });
  });

  test('[MQTT-3.8.4-3] [MQTT-3.8.4-4] [MQTT-3.8.4-8] the same filter replaces the subscription, and retained messages come again', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    await client.publish('t', 'kept', { qos: 2, retain: true });
    await client.subscribe([['t', 0]]);
    expect(await client.message()).toMatchObject({ payload: 'kept', qos: 0, retain: true });
    await client.subscribe([['t', 1]]);
    expect(await client.message()).toMatchObject({ payload: 'kept', qos: 1, retain: true });
    await client.publish('t', 'once', { qos: 2 });
    expect(await client.message()).toMatchObject({ payload: 'once', qos: 1 });
    await client.quiet();
  });

  test('[MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-3] after UNSUBSCRIBE nothing new comes, and what has begun is completed', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    await client.subscribe([
      ['t/+', 2],
      ['t/a', 2],
    ]);
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('t/a', 'before', { qos: 2 });
    const { id } = await client.next('publish');
    expect(await client.unsubscribe('t/+')).toEqual([0]);
    await publisher.publish('t/b', 'after', { qos: 1 });
    client.send(p.acknowledge('pubrec', id!));
    expect(await client.next('pubrel')).toMatchObject({ id });
    client.send(p.acknowledge('pubcomp', id!));
    await publisher.publish('t/a', 'other filter', { qos: 0 });
    expect(await client.message()).toMatchObject({ payload: 'other filter' });
  });

  test('[MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT-3.3.1-8] a retained message is replaced by another one, and removed by an empty one', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    const retained = async () => {
      await client.subscribe([['t', 1]]);
      const got = [];
      client.send(Buffer.from([0xc0, 0]));
      for (;;) {
        const packet = await client.next();
        if (packet.type === 'pingresp') break;
        client.send(p.acknowledge('puback', packet.id!));
        got.push(packet.payload);
      }
      await client.unsubscribe('t');
      return got;
    };
    await client.publish('t', 'one', { qos: 1, retain: true });
    await client.publish('t', 'two', { qos: 1, retain: true });
    await client.publish('t', 'not retained', { qos: 1 });
    expect(await retained()).toEqual(['two']);
    const other = await broker.client5({ clientId: 'o' });
    await other.subscribe([['t', 0]]);
    expect((await other.message()).payload).toBe('two');
    await client.publish('t', '', { qos: 1, retain: true });
    expect((await other.message()).payload).toBe('');
    expect(await retained()).toEqual([]);
  });

  test('[MQTT-3.3.2-7] an alias ends with its connection', async () => {
    const broker = await start();
    const first = await broker.client5({ clientId: 'c', ...KEPT });
    await first.publish('t', 'x', { qos: 1, properties: [['topicAlias', 1]] });
    await first.disconnect();
    const second = await broker.client5({ clientId: 'c', ...KEPT });
    second.send(p.publish('', 'x', { qos: 0, properties: [['topicAlias', 1]] }));
    await second.ended(0x82);
  });

  test('[MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT-4.5.0-1] [MQTT-3.3.2-3] messages of a client come to each subscriber in order', async () => {
    const broker = await start();
    const subscribers = [
      await broker.client5({ clientId: 'a' }),
      await broker.client5({ clientId: 'b' }),
    ];
    await subscribers[0]!.subscribe([['t/+', 2]]);
    await subscribers[1]!.subscribe([['#', 2]]);
    const publisher = await broker.client5({ clientId: 'p' });
    for (let n = 0; n < 30; n++) await publisher.publish(`t/${n % 2}`, `${n}`, { qos: 1 });
    for (const subscriber of subscribers) {
      for (let n = 0; n < 30; n++) {
        expect(await subscriber.message()).toMatchObject({ topic: `t/${n % 2}`, payload: `${n}` });
      }
    }
  });

  test('[MQTT-4.7.2-1] [MQTT-4.7.3-4] a wildcard at the start does not match $, and topics are compared as they are', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    await client.subscribe([
      ['#', 0],
      ['+/broker/#', 0],
      ['T', 0],
      ['e\u0301', 0],
    ]);
    await client.unsubscribe('#');
    for (const topic of ['t', '\u00e9', 'e\u0301', 'T']) await client.publish(topic, topic);
    expect((await client.message()).topic).toBe('e\u0301');
    expect((await client.message()).topic).toBe('T');
    await client.quiet();
  });

  test('[MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] [MQTT-3.3.4-10] with a quota of 0 only PUBLISH above QoS 0 waits', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 's', properties: [['receiveMaximum', 1]] });
    await client.subscribe([
      ['one', 1],
      ['zero', 0],
    ]);
    const publisher = await broker.client5({ clientId: 'p' });
    for (const payload of ['a', 'b']) await publisher.publish('one', payload, { qos: 1 });
    const first = await client.next('publish');
    expect(first.payload).toBe('a');
    expect(await client.publish('other', 'x', { qos: 2 })).toBeLessThan(0x80);
    expect(await client.subscribe([['more', 1]])).toEqual([1]);
    await client.quiet();
    client.send(p.acknowledge('puback', first.id!));
    expect(await client.message()).toMatchObject({ payload: 'b' });
  });

  test('[MQTT-3.1.2-14] [MQTT-3.1.2-15] a will is retained only where its flag says so', async () => {
    const broker = await start();
    const watcher = await broker.client5({ clientId: 'w' });
    await watcher.subscribe([['will/+', 1]]);
    for (const retain of [true, false]) {
      const will = { topic: `will/${retain}`, payload: 'gone', qos: 1 as const, retain };
      (await broker.client5({ clientId: `c${retain}`, will })).destroy();
      expect(await watcher.message()).toMatchObject({ topic: `will/${retain}`, retain: false });
    }
    const late = await broker.client5({ clientId: 'late' });
    await late.subscribe([['will/+', 1]]);
    expect(await late.message()).toMatchObject({ topic: 'will/true', retain: true });
    await late.quiet();
  });

  test('[MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-4.1.0-1] session present is true to the facts, with Clean Start and without', async () => {
    const broker = await start();
    const connect = async (clean: boolean) => {
      const client = await broker.client5({ clientId: 'c', ...KEPT, clean });
      const { sessionPresent } = client.connack;
      await client.disconnect();
      return sessionPresent;
    };
    expect(await connect(false)).toBe(false);
    expect(await connect(false)).toBe(true);
    expect(await connect(true)).toBe(false);
    expect(await connect(false)).toBe(true);
  });

  test('[MQTT-3.1.2-27] [MQTT-3.1.2-28] [MQTT-4.12.0-6] a client that asks for nothing gets no alias, no response information, no authentication method', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c' });
    expect(p.valueIn(client.connack, 'responseInformation')).toBeUndefined();
    expect(p.valueIn(client.connack, 'authenticationMethod')).toBeUndefined();
    await client.subscribe([['t', 0]]);
    for (let n = 0; n < 5; n++) {
      await client.publish('t', `${n}`);
      const { topic, properties } = await client.message();
      expect([topic, properties]).toEqual(['t', []]);
    }
  });

  test('[MQTT-3.1.2-24] [MQTT-3.1.2-25] a message that is too large for a client counts as sent', async () => {
    const broker = await start();
    const client = await broker.client5({
      clientId: 's',
      properties: [
        ['maximumPacketSize', 100],
        ['receiveMaximum', 1],
      ],
    });
    await client.subscribe([['t', 1]]);
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('t', 'x'.repeat(200), { qos: 1 });
    await publisher.publish('t', 'small', { qos: 1 });
    expect(await client.message()).toMatchObject({ payload: 'small' });
  });

  test('[MQTT-3.1.2-26] [MQTT-3.3.2-11] no alias is above the maximum of the client', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c', properties: [['topicAliasMaximum', 2]] });
    await client.subscribe([['t/+', 0]]);
    for (let n = 0; n < 12; n++) await client.publish(`t/${n % 4}`, `${n}`);
    const known = new Map<unknown, string>();
    for (let n = 0; n < 12; n++) {
      const message = await client.message();
      const alias = p.valueIn(message, 'topicAlias');
      if (alias !== undefined) expect([1, 2]).toContain(alias);
      if (message.topic) known.set(alias, message.topic);
      expect(message.topic || known.get(alias)).toBe(`t/${n % 4}`);
    }
  });

  test('[MQTT-3.1.3-2] [MQTT-3.2.2-16] clients without an id get different ones, and each has its own session', async () => {
    const broker = await start();
    const [a, b] = [await broker.client5(KEPT), await broker.client5(KEPT)];
    const [idOfA, idOfB] = [a, b].map(({ connack }) => p.valueIn(connack, 'assignedClientId'));
    expect(idOfA).not.toBe(idOfB);
    await a.subscribe([['t', 1]]);
    await a.disconnect();
    await b.publish('t', 'for a', { qos: 1 });
    await b.quiet();
    const again = await broker.client5({ clientId: idOfA as string, ...KEPT });
    expect(await again.message()).toMatchObject({ payload: 'for a' });
  });

  test('[MQTT-4.1.0-2] a session ends after its expiry', async () => {
    const broker = await start();
    const short = {
      clientId: 'c',
      clean: false,
      properties: [['sessionExpiry', 1]] as p.Properties,
    };
    await (await broker.client5(short)).disconnect();
    clock.pass(1500);
    expect((await broker.client5(short)).connack.sessionPresent).toBe(false);
  });

  test('[MQTT-3.2.2-22] without a Server Keep Alive that of the client counts', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 'c', keepalive: 1 });
    expect(p.valueIn(client.connack, 'serverKeepAlive')).toBeUndefined();
    await client.ended(0x8d);
  });

  test('[MQTT-3.1.3-10] the user properties of a will keep their order', async () => {
    const broker = await start();
    const watcher = await broker.client5({ clientId: 'w' });
    await watcher.subscribe([['will', 1]]);
    const properties = ['b', 'a', 'b'].map((name, n) => ['userProperty', [name, `${n}`]] as const);
    const will = { topic: 'will', payload: 'gone', qos: 1 as const, properties };
    (await broker.client5({ clientId: 'c', will })).destroy();
    expect((await watcher.message()).properties).toEqual(properties);
  });

  test('[MQTT-4.3.3-7] [MQTT-4.3.3-13] a message of QoS 2 that was sent is completed after its expiry', async () => {
    const broker = await start();
    const client = await broker.client5({ clientId: 's', ...KEPT });
    await client.subscribe([['t', 2]]);
    const publisher = await broker.client5({ clientId: 'p' });
    const properties = [['messageExpiry', 1]] as const;
    publisher.send(p.publish('t', 'x', { qos: 2, id: 9, properties }));
    await publisher.next('pubrec');
    const { id } = await client.next('publish');
    clock.pass(1500);
    publisher.send(p.acknowledge('pubrel', 9));
    expect(await publisher.next('pubcomp')).toMatchObject({ id: 9 });
    client.send(p.acknowledge('pubrec', id!));
    expect(await client.next('pubrel')).toMatchObject({ id });
    client.send(p.acknowledge('pubcomp', id!));
    await client.quiet();
  });
});
