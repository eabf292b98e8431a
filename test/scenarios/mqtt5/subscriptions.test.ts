import { describe, expect, test } from 'vitest';
import { startBroker } from '../../support/broker.ts';
import * as p from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const start = (protocol: 'tcp' | 'ws') =>
  startBroker(tempFolder(), {}, {}, protocol, undefined, [3, 4, 5]);

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  test('[MQTT-3.8.3-3] No Local: a client does not get its own messages, but those of others', async () => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    await client.subscribe([['t/#', 2 | p.NO_LOCAL]]);
    const other = await broker.client5({ clientId: 'o' });
    await other.subscribe([['t/#', 2]]);
    for (const qos of [0, 1, 2]) {
      await client.publish('t', 'own', { qos });
      expect(await other.message()).toMatchObject({ payload: 'own', qos });
      await other.publish('t', 'other', { qos });
      expect(await client.message()).toMatchObject({ payload: 'other', qos });
      expect(await other.message()).toMatchObject({ payload: 'other', qos });
    }
    // Another filter of the client matches too: that one has no such option.
    await client.subscribe([['+', 0]], [['subscriptionIdentifier', 9]]);
    await client.publish('t', 'again', { qos: 1 });
    expect(await client.message()).toMatchObject({
      payload: 'again',
      qos: 0,
      properties: [['subscriptionIdentifier', 9]],
    });
  });

  test('[MQTT-3.3.1-12] [MQTT-3.3.1-13] Retain As Published keeps the flag of a message', async () => {
    const broker = await start(transport);
    const keeps = await broker.client5({ clientId: 'k' });
    await keeps.subscribe([['t', 1 | p.RETAIN_AS_PUBLISHED]]);
    const plain = await broker.client5({ clientId: 'p' });
    await plain.subscribe([['t', 1]]);
    for (const qos of [0, 1]) {
      for (const retain of [false, true]) {
        await plain.publish('t', 'x', { qos, retain });
        expect(await keeps.message()).toMatchObject({ retain, qos });
        expect(await plain.message()).toMatchObject({ retain: false, qos });
      }
    }
  });

  test('[MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] T23 retained messages are sent always, for a new subscription, or never', async () => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    for (const qos of [0, 1]) {
      await client.publish(`t${qos}`, 'kept', { qos, retain: true });
      const subscribe = (options: number) => client.subscribe([[`t${qos}`, qos | options]]);
      await subscribe(p.RETAIN_NEVER);
      await client.quiet();
      await subscribe(p.RETAIN_IF_NEW);
      await client.quiet();
      await subscribe(0);
      expect(await client.message()).toMatchObject({ payload: 'kept', retain: true });
      await client.unsubscribe(`t${qos}`);
      await subscribe(p.RETAIN_IF_NEW);
      expect(await client.message()).toMatchObject({ payload: 'kept', retain: true });
    }
  });

  test('[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] T19 T20 T21 a copy has the identifiers of all filters that match, with the highest QoS', async () => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    const publisher = await broker.client({ clientId: 'p' });
    await publisher.publish('kept/a', 'x', { qos: 1, retain: true });
    await client.subscribe([['kept/+', 1]], [['subscriptionIdentifier', 77]]);
    expect(await client.message()).toMatchObject({
      retain: true,
      properties: [['subscriptionIdentifier', 77]],
    });
    const largest = 268_435_455;
    await client.subscribe([['t/+', 0]], [['subscriptionIdentifier', 1]]);
    await client.subscribe([['t/a', 1]], [['subscriptionIdentifier', largest]]);
    await client.subscribe([['t/#', 2]]);
    const other = await broker.client5({ clientId: 'o' });
    await other.subscribe([['t/a', 1]], [['subscriptionIdentifier', 5]]);
    await publisher.publish('t/a', 'x', { qos: 2 });
    const message = await client.message();
    expect(message.qos).toBe(2);
    expect(p.valuesIn(message, 'subscriptionIdentifier').toSorted()).toEqual([1, largest]);
    expect((await other.message()).properties).toEqual([['subscriptionIdentifier', 5]]);
    await client.quiet();
    // A subscription that is made again has its new identifier, or none.
    await client.subscribe([['t/+', 0]], [['subscriptionIdentifier', 2]]);
    await client.subscribe([['t/a', 1]]);
    await publisher.publish('t/a', 'x', { qos: 1 });
    expect((await client.message()).properties).toEqual([['subscriptionIdentifier', 2]]);
  });

  test.each([0, 3600])(
    'T19 T20 a retained message that waits with another identifier is sent with the new one too, once (session expiry %i)',
    async (expiry) => {
      const broker = await start(transport);
      const publisher = await broker.client({ clientId: 'p' });
      for (const topic of ['kept/a', 'kept/b']) {
        await publisher.publish(topic, 'x', { qos: 1, retain: true });
      }
      const client = await broker.client5({
        clientId: 'c',
        properties: [
          ['sessionExpiry', expiry],
          ['receiveMaximum', 1],
        ],
      });
      const first = [[`kept/+`, 1]] as const;
      for (const identifier of [1, 2, 2]) {
        await client.subscribe(first, [['subscriptionIdentifier', identifier]]);
      }
      await client.subscribe([['#', 1]], [['subscriptionIdentifier', 3]]);
      for (let n = 0; n < 2; n++) await client.subscribe(first);
      const received = [];
      for (let n = 0; n < 8; n++) {
        const message = await client.message();
        received.push([message.topic, p.valueIn(message, 'subscriptionIdentifier')]);
      }
      expect(received).toEqual(
        [1, 2, 3, undefined].flatMap((identifier) => [
          ['kept/a', identifier],
          ['kept/b', identifier],
        ]),
      );
      await client.quiet();
    },
  );

  test('[MQTT-3.8.4-6] [MQTT-3.10.4-6] [MQTT-3.11.3-1] T33 each filter has its reason code', async () => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    const codes = await client.subscribe([
      ['a', 0],
      ['b', 1],
      ['$share/g/a', 1],
      ['c', 2],
    ]);
    expect(codes).toEqual([0, 1, 1, 2]);
    expect(await client.unsubscribe('a', 'x', 'b', 'a')).toEqual([0, 0x11, 0, 0x11]);
  });

  test.each([
    [
      'T25 an identifier in a PUBLISH',
      p.publish('t', '', { properties: [['subscriptionIdentifier', 1]] }),
      0x82,
    ],
    ['T25 identifier 0', p.subscribe(1, [['t', 0]], [['subscriptionIdentifier', 0]]), 0x82],
    [
      'T25 two content types',
      p.publish('t', '', {
        properties: [
          ['contentType', 'a'],
          ['contentType', 'a'],
        ],
      }),
      0x82,
    ],
    ['T25 No Local on a shared subscription', p.subscribe(1, [['$share/g/t', p.NO_LOCAL]]), 0x82],
    ['T25 an illegal share name', p.subscribe(1, [['$share/+/t', 0]]), 0x82],
    ['T25 reserved bits of the options', p.subscribe(1, [['t', 0x40]]), 0x81],
  ] as const)('%s ends the connection', async (_name, packet, code) => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    client.send(packet);
    await client.ended(code);
  });
});
