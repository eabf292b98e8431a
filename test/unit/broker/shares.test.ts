import { describe, expect, test } from 'vitest';
import type { BrokerLimits } from '../../../src/broker/broker.ts';
import { type SomeLimits, startBroker } from '../../support/broker.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import * as packets from '../../support/packets.ts';
import { TestPlane } from '../../support/plane.ts';
import { RawClient } from '../../support/raw-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** A data plane with connections of persistent sessions. */
function createPlane(limits: SomeLimits) {
  const made = new TestPlane(new MemoryDisk(), limits as Partial<BrokerLimits>);
  return { plane: made.plane, open: (clientId: string) => made.open(clientId, false).connection };
}

const start = (limits: SomeLimits) => startBroker(tempFolder(), limits);

const filters = (name: string, count: number): (readonly [string, 0])[] =>
  Array.from({ length: count }, (_, n) => [`${name}/${n}`, 0] as const);

describe('subscriptions', () => {
  test('absent sessions that have used them all up keep nobody out: the largest ends', async () => {
    const { broker, client } = await start({ subscriptions: 100, subscriptionsPerClient: 40 });
    for (const [name, count] of [
      ['small', 20],
      ['large', 40],
      ['middle', 30],
      ['last', 10],
    ] as const) {
      const away = await client({ clientId: name, clean: false });
      await away.subscribe(...filters(name, count));
      await away.disconnect();
    }
    const present = await client();
    expect(await present.subscribe(...filters('p', 30))).not.toContain(0x80);
    const names = broker.sessions.map(({ clientId }) => clientId);
    expect(names).toEqual(expect.arrayContaining(['small', 'middle', 'last']));
    expect(names).not.toContain('large');
    expect(broker.troubles()).toEqual([
      'the limit broker.limits.subscriptions is reached (100); middle has the most: 30',
    ]);
    const back = await client({ clientId: 'large', clean: false });
    expect(back.connack.sessionPresent).toBe(false);
  });

  test('connected clients lose none: who asks beyond the limit is refused', async () => {
    const { broker, client } = await start({ subscriptions: 50, subscriptionsPerClient: 30 });
    const one = await client({ clientId: 'one', clean: false });
    await one.subscribe(...filters('one', 30));
    const two = await client({ clientId: 'two' });
    const codes = await two.subscribe(...filters('two', 30));
    expect(codes.filter((code) => code === 0x80)).toHaveLength(10);
    expect(broker.counts.subscriptions).toBe(50);
  });

  test('with `absentSessions: keep` no session ends', async () => {
    const { broker, client } = await start({ subscriptions: 10, absentSessions: 'keep' });
    const away = await client({ clientId: 'away', clean: false });
    await away.subscribe(...filters('away', 10));
    await away.disconnect();
    expect(await (await client()).subscribe(['t', 0])).toEqual([0x80]);
    expect(broker.sessions.map(({ clientId }) => clientId)).toContain('away');
  });

  test('one client has its share', async () => {
    const { broker, client } = await start({ subscriptionsPerClient: 5 });
    const greedy = await client({ clientId: 'greedy' });
    const codes = await greedy.subscribe(...filters('g', 6));
    expect(codes).toEqual([0, 0, 0, 0, 0, 0x80]);
    expect(broker.troubles()).toEqual([
      'the limit broker.limits.subscriptionsPerClient is reached (5); greedy has the most: 5',
    ]);
  });

  test('what the queue of an ended session had is counted as dropped', async () => {
    const { broker, client } = await start({ subscriptions: 2 });
    const away = await client({ clientId: 'away', clean: false });
    await away.subscribe(['t', 1], ['u', 1]);
    await away.disconnect();
    const present = await client();
    await present.publish('t', 'x', { qos: 1 });
    expect(await present.subscribe(['v', 0])).toEqual([0]);
    expect(broker.drops.reasons).toEqual({ 'session-cut': 1 });
  });
});

test('a session whose client is about to get its CONNACK is not absent', () => {
  const { plane, open } = createPlane({ subscriptions: 2 });
  const [away, other] = [open('away'), open('other')];
  away.data(packets.subscribe(1, [['a', 1]]));
  other.data(packets.subscribe(1, [['b', 1]]));
  away.lost();
  plane.sessions.openSession('away', false);
  other.data(packets.subscribe(2, [['c', 1]]));
  expect(plane.sessions.byClientId.get('away')?.ended).toBe(false);
  expect(plane.sessions.byClientId.get('other')?.subscriptions.size).toBe(1);
});

describe('retained messages', () => {
  test('one client has its share; what it replaces or deletes is not counted again', async () => {
    const { broker, client } = await start({ retainedMessages: 10, retainedMessagesPerClient: 4 });
    const greedy = await client({ clientId: 'greedy' });
    const set = (who: RawClient, topic: string, payload = 'x') =>
      who.publish(topic, payload, { qos: 1, retain: true });
    for (let i = 0; i < 8; i++) await set(greedy, `g/${i % 6}`);
    expect(broker.counts).toMatchObject({ retained: 4, dropped: 2 });
    await set(greedy, 'g/0', '');
    await set(greedy, 'g/9');
    const modest = await client({ clientId: 'modest' });
    for (let i = 0; i < 4; i++) await set(modest, `m/${i}`);
    expect(broker.counts).toMatchObject({ retained: 8, dropped: 2 });
    expect(broker.troubles()).toEqual([
      'the limit broker.limits.retainedMessagesPerClient is reached (4); greedy has the most: 4',
    ]);
  });

  test("a topic that another client takes over is that client's", async () => {
    const { broker, client } = await start({ retainedMessagesPerClient: 2 });
    const [one, two] = [await client({ clientId: 'one' }), await client({ clientId: 'two' })];
    const set = (who: RawClient, topic: string) =>
      who.publish(topic, 'x', { qos: 1, retain: true });
    await set(one, 'a');
    await set(one, 'b');
    await set(two, 'a');
    await set(one, 'c');
    expect(broker.counts).toMatchObject({ retained: 3, dropped: 0 });
  });
});

test('the memory of queues of clean sessions is a documented limit, and reaching it names who has most', async () => {
  const { broker, client } = await start({
    inflight: 1,
    queueMemory: 1024 * 1024,
    queueMemoryPerClient: 800 * 1024,
  });
  for (const clientId of ['deaf', 'mute']) {
    const silent = await client({ clientId });
    await silent.subscribe([clientId, 1]);
  }
  const publisher = await client();
  const payload = Buffer.alloc(100 * 1024);
  for (let i = 0; i < 8; i++) await publisher.publish('deaf', payload, { qos: 1 });
  for (let i = 0; i < 8; i++) await publisher.publish('mute', payload, { qos: 1 });
  expect(broker.troubles()).toEqual([
    expect.stringMatching(
      /^the limit broker\.limits\.queueMemory is reached \(1048576\); deaf has the most: /,
    ),
  ]);
});

test('connections without a CONNECT make room for a client, also on loopback', async () => {
  const { broker, port, client } = await start({ connections: 100, connectionsPerAddress: 20 });
  const silent = await Promise.all(Array.from({ length: 20 }, () => RawClient.open('tcp', port)));
  // In a crowd, their CONNECT could be on its way for a second.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const late = await client({ clientId: 'late' });
  await late.publish('t', 'x', { qos: 1 });
  for (let i = 1; i < 20; i++) await client({ clientId: `c${i}` });
  await expect(client({ clientId: 'one more' })).rejects.toThrow('CONNACK has code 3');
  for (const each of silent) await each.closed();
  expect(broker.troubles()).toContainEqual(
    expect.stringMatching(
      /^the limit broker\.limits\.connectionsPerAddress is reached \(20\); loopback has/,
    ),
  );
  late.send(packets.disconnect);
});
