import { describe, expect, test } from 'vitest';
import { type SomeLimits, startBroker } from '../../support/broker.ts';
import * as p from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const KEPT = { clean: false, properties: [['sessionExpiry', 3600]] as p.Properties };
const padded = (bytes: number): p.Properties => [['userProperty', ['', 'x'.repeat(bytes)]]];

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  const start = (limits: SomeLimits) => startBroker(tempFolder(), limits, {}, transport);

  test('T44 properties count to the bytes that a queue may have', async () => {
    const broker = await start({ queue: { bytes: 1000 } });
    const away = await broker.client5({ clientId: 's', ...KEPT });
    await away.subscribe([['t', 1]]);
    await away.disconnect();
    const publisher = await broker.client5({ clientId: 'p' });
    for (const payload of ['1', '2', '3']) {
      await publisher.publish('t', payload, { qos: 1, properties: padded(400) });
    }
    await publisher.publish('t', '4', { qos: 1, properties: padded(1000) });
    const back = await broker.client5({ clientId: 's', ...KEPT });
    for (const payload of ['2', '3']) expect(await back.message()).toMatchObject({ payload });
    await back.quiet();
    expect(broker.broker.drops.reasons).toEqual({ 'queue-full': 2 });
  });

  test.each(['retainedBytes', 'retainedBytesPerClient'])(
    'T44 properties count to the limit %s',
    async (limit) => {
      const broker = await start({ [limit]: 1000 });
      const client = await broker.client5({ clientId: 'c' });
      const publish = (topic: string, bytes: number) =>
        client.publish(topic, 'x', { qos: 1, retain: true, properties: padded(bytes) });
      expect(await publish('a', 900)).toBeLessThan(0x80);
      await publish('b', 900);
      expect(broker.broker.counts.retained).toBe(1);
      expect(await publish('a', 10)).toBeLessThan(0x80);
      expect(await publish('b', 900)).toBeLessThan(0x80);
      expect(broker.broker.counts.retained).toBe(2);
    },
  );

  test('T44 properties count to the largest packet', async () => {
    const broker = await start({ packet: 1000 });
    const client = await broker.client5({ clientId: 'c' });
    await client.publish('t', '', { qos: 1, properties: padded(900) });
    client.send(p.publish('t', '', { properties: [...padded(60_000), ...padded(10_000)] }));
    await client.ended(0x95);
  });

  test('T29 the topics with an alias of one client need a bounded memory: the client that has more is disconnected', async () => {
    const broker = await start({ topicAliases: 65_535 });
    const other = await broker.client5({ clientId: 'o' });
    const client = await broker.client5({ clientId: 'c' });
    const long = 'x'.repeat(1000);
    const aliased = (alias: number) =>
      p.publish(`${long}/${alias}`, '', { properties: [['topicAlias', alias]] });
    for (let n = 0; n < 200; n++) client.send(aliased(1), aliased(2));
    for (let alias = 3; alias <= 60; alias++) client.send(aliased(alias));
    await client.quiet();
    for (let alias = 61; alias <= 70; alias++) client.send(aliased(alias));
    await client.ended(0x97);
    await other.quiet();
  });
});
