import { describe, expect, test } from 'vitest';
import { createAheadClock } from '../../support/ahead-clock.ts';
import { startBroker } from '../../support/broker.ts';
import * as p from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const clock = createAheadClock();

const start = (protocol: 'tcp' | 'ws', folder = tempFolder(), limits = {}) =>
  startBroker(folder, limits, { clock }, protocol, clock, [3, 4, 5]);

/** A second session that is on disk. */
const KEPT = { clean: false, properties: [['sessionExpiry', 3600]] as p.Properties };

const ALL: p.Properties = [
  ['payloadFormat', 1],
  ['contentType', 'text/plain'],
  ['responseTopic', 'answers/ä'],
  ['correlationData', Buffer.from([0, 1, 255])],
  ['userProperty', ['b', '1']],
  ['userProperty', ['a', '2']],
  ['userProperty', ['b', '3']],
];

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  test.each([0, 1, 2])(
    '[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties arrive unchanged and in their order at QoS %i',
    async (qos) => {
      const broker = await start(transport);
      const subscriber = await broker.client5({ clientId: 's' });
      await subscriber.subscribe([['t/#', 2]]);
      const publisher = await broker.client5({ clientId: 'p' });
      await publisher.publish('t/1', 'x', { qos, properties: ALL });
      expect(await subscriber.message()).toMatchObject({
        topic: 't/1',
        payload: 'x',
        qos,
        properties: ALL,
      });
    },
  );

  test('T35 a message of MQTT 3.1.1 has no properties in MQTT 5, and one of MQTT 5 loses them in 3.1.1', async () => {
    const broker = await start(transport);
    const old = await broker.client({ clientId: 'old' });
    await old.subscribe(['t', 2]);
    const fresh = await broker.client5({ clientId: 'new' });
    await fresh.subscribe([['t', 2]]);
    for (const qos of [0, 1, 2]) {
      await old.publish('t', `old ${qos}`, { qos });
      expect(await fresh.message()).toMatchObject({ payload: `old ${qos}`, qos, properties: [] });
      expect(await old.message()).toMatchObject({ payload: `old ${qos}`, qos });
      await fresh.publish('t', `new ${qos}`, { qos, properties: ALL });
      expect(await fresh.message()).toMatchObject({ payload: `new ${qos}`, properties: ALL });
      expect(await old.message()).toMatchObject({ topic: 't', payload: `new ${qos}`, qos });
      await fresh.publish('t', `bare ${qos}`, { qos });
      expect(await fresh.message()).toMatchObject({ payload: `bare ${qos}`, properties: [] });
      expect(await old.message()).toMatchObject({ topic: 't', payload: `bare ${qos}`, qos });
    }
  });

  test('T37 a retained message with properties is delivered to both versions, also after a restart', async () => {
    const folder = tempFolder();
    let broker = await start(transport, folder);
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('kept', 'x', { qos: 1, retain: true, properties: ALL });
    for (const round of ['before', 'after']) {
      const fresh = await broker.client5({ clientId: 'new' });
      await fresh.subscribe([['kept', 1]], [['subscriptionIdentifier', 7]]);
      expect(await fresh.message(), round).toMatchObject({
        payload: 'x',
        retain: true,
        properties: [...ALL, ['subscriptionIdentifier', 7]],
      });
      const old = await broker.client({ clientId: 'old' });
      await old.subscribe(['kept', 1]);
      expect(await old.message(), round).toMatchObject({ payload: 'x', retain: true });
      if (round === 'after') return;
      await broker.stop();
      broker = await start(transport, folder);
    }
  });

  test('T22 queued messages keep properties, retain as published and identifiers over a resume and a restart', async () => {
    const folder = tempFolder();
    let broker = await start(transport, folder);
    const away = await broker.client5({ clientId: 'away', ...KEPT });
    await away.subscribe([['t/+', 1 | p.RETAIN_AS_PUBLISHED]], [['subscriptionIdentifier', 5]]);
    await away.subscribe([['t/#', 2]], [['subscriptionIdentifier', 300]]);
    await away.disconnect();
    const other = await broker.client5({ clientId: 'other', ...KEPT });
    await other.subscribe([['t/#', 2]]);
    await other.disconnect();
    const publisher = await broker.client5({ clientId: 'p' });
    await publisher.publish('t/1', 'first', { qos: 1, retain: true, properties: ALL });
    await broker.stop();
    broker = await start(transport, folder);
    const again = await broker.client5({ clientId: 'p' });
    await again.publish('t/2', 'second', { qos: 2, properties: ALL });
    const resumed = await broker.client5({ clientId: 'away', ...KEPT });
    expect(resumed.connack.sessionPresent).toBe(true);
    for (const [payload, retain] of [
      ['first', true],
      ['second', false],
    ] as const) {
      const message = await resumed.message();
      expect(message).toMatchObject({ payload, retain });
      expect(message.properties.slice(0, ALL.length)).toEqual(ALL);
      expect(p.valuesIn(message, 'subscriptionIdentifier').toSorted()).toEqual([300, 5]);
    }
    const second = await broker.client5({ clientId: 'other', ...KEPT });
    for (const payload of ['first', 'second']) {
      expect(await second.message()).toMatchObject({ payload, retain: false, properties: ALL });
    }
  });

  test('[MQTT-3.3.2-5] [MQTT-3.3.2-6] T2 a subscriber gets what is left of the expiry', async () => {
    const broker = await start(transport);
    const away = await broker.client5({ clientId: 'away', ...KEPT });
    await away.subscribe([['t', 1]]);
    await away.disconnect();
    const publisher = await broker.client5({ clientId: 'p' });
    const direct = await broker.client5({ clientId: 'direct' });
    await direct.subscribe([['t', 1]]);
    const properties: p.Properties = [
      ['contentType', 'a'],
      ['messageExpiry', 30],
    ];
    await publisher.publish('t', 'short', { qos: 1, properties: [['messageExpiry', 1]] });
    await publisher.publish('t', 'long', { qos: 1, retain: true, properties });
    expect(p.valueIn(await direct.message(), 'messageExpiry')).toBe(1);
    expect(p.valueIn(await direct.message(), 'messageExpiry')).toBe(30);
    const since = clock.wall();
    clock.pass(2100);
    const resumed = await broker.client5({ clientId: 'away', ...KEPT });
    const queued = await resumed.message();
    expect(queued.payload).toBe('long');
    const late = await broker.client5({ clientId: 'late' });
    await late.subscribe([['t', 0]]);
    const retained = await late.message();
    const passed = (clock.wall() - since) / 1000;
    for (const message of [queued, retained]) {
      const left = p.valueIn(message, 'messageExpiry') as number;
      expect(left).toBeLessThanOrEqual(28);
      expect(left).toBeGreaterThanOrEqual(29 - passed);
      expect(p.valueIn(message, 'contentType')).toBe('a');
    }
  });

  test('T1 T3 an expiry counts over restarts: what has expired is not delivered, and is deleted', async () => {
    const folder = tempFolder();
    let broker = await start(transport, folder);
    const away = await broker.client5({ clientId: 'away', ...KEPT });
    await away.subscribe([['t', 1]]);
    await away.disconnect();
    const publisher = await broker.client5({ clientId: 'p' });
    for (const expiry of [1, 60]) {
      const options = { qos: 1, retain: true, properties: [['messageExpiry', expiry]] as const };
      await publisher.publish('t', `queued ${expiry}`, options);
      await publisher.publish(`kept/${expiry}`, 'x', options);
    }
    expect(broker.broker.counts.retained).toBe(3);
    await broker.stop();
    clock.pass(1500);
    broker = await start(transport, folder);
    const resumed = await broker.client5({ clientId: 'away', ...KEPT });
    const message = await resumed.message();
    expect(message.payload).toBe('queued 60');
    expect(p.valueIn(message, 'messageExpiry')).toBeLessThanOrEqual(59);
    await resumed.subscribe([['kept/#', 1]]);
    expect(await resumed.message()).toMatchObject({ topic: 'kept/60' });
    await resumed.quiet();
    broker.broker.sweep();
    expect(broker.broker.counts.retained).toBe(2);
  });

  test('T28 [MQTT-3.3.2-8] [MQTT-3.3.2-10] [MQTT-3.3.2-12] a topic alias replaces the topic, and a new topic the alias', async () => {
    const broker = await start(transport);
    const subscriber = await broker.client({ clientId: 's' });
    await subscriber.subscribe(['#', 1]);
    const publisher = await broker.client5({ clientId: 'p' });
    expect(p.valueIn(publisher.connack, 'topicAliasMaximum')).toBe(100);
    const alias = (value: number, more: p.Properties = []): p.PublishOptions5 => ({
      qos: 1,
      properties: [...more, ['topicAlias', value], ...more],
    });
    await publisher.publish('one', '1', alias(1));
    await publisher.publish('', '2', alias(1, [['userProperty', ['a', 'b']]]));
    await publisher.publish('two', '3', alias(1));
    await publisher.publish('', '4', alias(1));
    await publisher.publish('three', '5', alias(100));
    for (const [topic, payload] of [
      ['one', '1'],
      ['one', '2'],
      ['two', '3'],
      ['two', '4'],
      ['three', '5'],
    ]) {
      expect(await subscriber.message()).toMatchObject({ topic, payload });
    }
  });

  test('T28 messages with one alias that are kept stay apart: queued, retained, small and large', async () => {
    const broker = await start(transport);
    const absent = await broker.client5({ clientId: 'absent', ...KEPT });
    await absent.subscribe([['line/#', 1]]);
    absent.destroy();
    const publisher = await broker.client5({ clientId: 'p' });
    const payloads = ['first', 'x'.repeat(50_000), 'second', 'y'.repeat(60_000), 'third'];
    const messages = payloads.map((payload, n) =>
      p.publish(n === 0 ? 'line/1' : '', payload, {
        ...{ qos: 1, id: n + 1, retain: n === 4 },
        properties: [
          ['userProperty', ['n', `${n}`]],
          ['topicAlias', 7],
        ],
      }),
    );
    publisher.send(...messages);
    for (let n = 0; n < payloads.length; n++) await publisher.take('puback');
    const back = await broker.client5({ clientId: 'absent', ...KEPT });
    for (const [n, payload] of payloads.entries()) {
      const message = await back.message();
      expect(message).toMatchObject({ topic: 'line/1', payload });
      expect(message.properties).toContainEqual(['userProperty', ['n', `${n}`]]);
    }
    const later = await broker.client5({ clientId: 'later' });
    await later.subscribe([['line/#', 0]]);
    expect(await later.message()).toMatchObject({ topic: 'line/1', payload: 'third' });
  });

  test.each([
    ['0', 'a', 0, 0x94],
    ['above the maximum', 'a', 101, 0x94],
    ['that has no topic yet', '', 3, 0x82],
  ])('T28 an alias %s ends the connection', async (_name, topic, alias, code) => {
    const broker = await start(transport);
    const publisher = await broker.client5({ clientId: 'p' });
    publisher.send(p.publish(topic, 'x', { properties: [['topicAlias', alias]] }));
    await publisher.ended(code);
    // An alias is that of one connection.
    const again = await broker.client5({ clientId: 'p' });
    await again.publish('a', 'x', { qos: 1, properties: [['topicAlias', 1]] });
    const third = await broker.client5({ clientId: 'p' });
    third.send(p.publish('', 'x', { properties: [['topicAlias', 1]] }));
    await third.ended(0x82);
  });

  test('T30 the gateway uses no more aliases than the client takes, each first with its topic', async () => {
    const broker = await start(transport);
    const subscriber = await broker.client5({
      clientId: 's',
      properties: [['topicAliasMaximum', 2]],
    });
    await subscriber.subscribe([['long/#', 1]]);
    const publisher = await broker.client({ clientId: 'p' });
    for (const topic of ['long/one', 'long/two', 'long/three', 'long/one', 'long/two']) {
      await publisher.publish(topic, 'x', { qos: 1 });
    }
    const received = [];
    for (let i = 0; i < 5; i++) {
      const message = await subscriber.message();
      received.push([message.topic, p.valueIn(message, 'topicAlias')]);
    }
    expect(received).toEqual([
      ['long/one', 1],
      ['long/two', 2],
      ['long/three', undefined],
      ['', 1],
      ['', 2],
    ]);
  });

  test("[MQTT-3.1.2-24] [MQTT-3.1.2-25] T12 T13 a packet of the client's maximum size is sent, one byte more is not, and the others come", async () => {
    const broker = await start(transport);
    // Fixed header 2, topic 3, packet identifier 2, properties 1, payload 12.
    const properties: p.Properties = [['maximumPacketSize', 20]];
    const small = await broker.client5({ clientId: 'small', properties });
    const kept = { ...KEPT, properties: [...KEPT.properties, ...properties] };
    const stored = await broker.client5({ clientId: 'stored', ...kept });
    const large = await broker.client5({ clientId: 'large' });
    for (const client of [small, stored, large]) await client.subscribe([['t', 2]]);
    const publisher = await broker.client({ clientId: 'p' });
    for (const qos of [1, 2]) {
      await publisher.publish('t', 'x'.repeat(13), { qos });
      await publisher.publish('t', 'y'.repeat(12), { qos });
      expect(await large.message()).toMatchObject({ payload: 'x'.repeat(13), qos });
      for (const client of [small, stored, large]) {
        expect(await client.message()).toMatchObject({ payload: 'y'.repeat(12), qos });
      }
    }
    expect(broker.broker.drops.reasons).toMatchObject({ 'too-large': 4 });
  });

  test('[MQTT-3.3.4-9] a client gets no more unacknowledged messages than its receive maximum, also after it has come back', async () => {
    const broker = await start(transport);
    const properties: p.Properties = [...KEPT.properties, ['receiveMaximum', 2]];
    const first = await broker.client5({ clientId: 's', ...KEPT });
    await first.subscribe([['t', 2]]);
    const publisher = await broker.client({ clientId: 'p' });
    for (let i = 0; i < 6; i++) await publisher.publish('t', `${i}`, { qos: 1 });
    for (let i = 0; i < 6; i++) await first.next('publish');
    first.destroy();
    const again = await broker.client5({ clientId: 's', clean: false, properties });
    const order = [];
    for (let i = 0; i < 3; i++) {
      const pair = [await again.next('publish'), await again.next('publish')];
      await again.quiet();
      for (const each of pair) {
        order.push(each.payload);
        again.send(p.acknowledge('puback', each.id!));
      }
    }
    expect(order).toEqual(['0', '1', '2', '3', '4', '5']);
    await again.quiet();
  });

  test('[MQTT-3.3.4-9] T17 the end of a handshake of the connection before gives no place for a message', async () => {
    const broker = await start(transport);
    const first = await broker.client5({ clientId: 's', ...KEPT });
    await first.subscribe([['t', 2]]);
    const publisher = await broker.client({ clientId: 'p' });
    for (let i = 0; i < 5; i++) await publisher.publish('t', `${i}`, { qos: 2 });
    for (let i = 0; i < 5; i++) {
      const { id } = await first.take('publish');
      if (i < 2) first.send(p.acknowledge('pubrec', id!));
    }
    for (let i = 0; i < 2; i++) await first.take('pubrel');
    first.destroy();
    const properties: p.Properties = [...KEPT.properties, ['receiveMaximum', 2]];
    const again = await broker.client5({ clientId: 's', clean: false, properties });
    const releases = [await again.take('pubrel'), await again.take('pubrel')];
    const messages = [await again.take('publish'), await again.take('publish')];
    for (const { id } of releases) again.send(p.acknowledge('pubcomp', id!));
    await again.quiet();
    again.send(p.acknowledge('pubrec', messages[0]!.id!));
    await again.next('pubrel');
    await again.quiet();
    again.send(p.acknowledge('pubcomp', messages[0]!.id!));
    expect(await again.next('publish')).toMatchObject({ payload: '4', dup: true });
    await again.quiet();
  });

  test('T17 a PUBREC with an error gives its place back, and the message is not sent again', async () => {
    const broker = await start(transport);
    const properties: p.Properties = [...KEPT.properties, ['receiveMaximum', 1]];
    const client = await broker.client5({ clientId: 's', clean: false, properties });
    await client.subscribe([['t', 2]]);
    const publisher = await broker.client({ clientId: 'p' });
    for (const payload of ['refused', 'taken']) await publisher.publish('t', payload, { qos: 2 });
    const refused = await client.next('publish');
    client.send(p.acknowledge('pubrec', refused.id!, 0x97));
    expect(await client.message()).toMatchObject({ payload: 'taken' });
    await client.quiet();
    client.destroy();
    const again = await broker.client5({ clientId: 's', clean: false, properties });
    await again.quiet();
  });

  test('T15 T16 [MQTT-3.3.4-7] a client above our receive maximum is disconnected, or accepted where the config says so', async () => {
    const limits = { receiveMaximum: 2 };
    const strict = await start(transport, tempFolder(), limits);
    const client = await strict.client5({ clientId: 'c' });
    expect(p.valueIn(client.connack, 'receiveMaximum')).toBe(2);
    for (let i = 1; i <= 5; i++) await client.publish('t', 'x', { qos: 2 });
    client.send(...[1, 2, 3].map((id) => p.publish('t', 'x', { qos: 2, id: 100 + id })));
    await client.take('pubrec');
    await client.take('pubrec');
    await client.ended(0x93);

    const tolerant = await start(transport, tempFolder(), {
      ...limits,
      overReceiveMaximum: 'accept',
    });
    const other = await tolerant.client5({ clientId: 'c' });
    other.send(...[1, 2, 3].map((id) => p.publish('t', 'x', { qos: 2, id })));
    for (let i = 0; i < 3; i++) await other.take('pubrec');
    await other.quiet();
  });

  test('T32 PUBACK and PUBREC say that there was no subscriber', async () => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    expect(await client.publish('t', 'x', { qos: 1 })).toBe(0x10);
    expect(await client.publish('t', 'x', { qos: 2 })).toBe(0x10);
    expect(await client.publish('t', 'x', { qos: 1, retain: true })).toBe(0x10);
    const subscriber = await broker.client({ clientId: 's' });
    await subscriber.subscribe(['t', 0]);
    expect(await client.publish('t', 'x', { qos: 1 })).toBe(0);
    expect(await client.publish('t', 'x', { qos: 2 })).toBe(0);
    client.send(p.acknowledge('pubrel', 999));
    expect(await client.next('pubcomp')).toMatchObject({ id: 999, code: 0x92 });
    client.send(p.acknowledge('pubrec', 999));
    expect(await client.next('pubrel')).toMatchObject({ id: 999, code: 0x92 });
  });

  test('T43 a payload that is said to be text and is none ends the connection', async () => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    const properties: p.Properties = [['payloadFormat', 1]];
    client.send(p.publish('t', Buffer.from([0xc3]), { qos: 1, properties }));
    await client.ended(0x99);
  });
});
