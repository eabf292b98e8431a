import { describe, expect, test } from 'vitest';
import type { BrokerLimits } from '../../../src/broker/broker-limits.ts';
import { NEVER } from '../../../src/mqtt/properties.ts';
import { createAheadClock } from '../../support/ahead-clock.ts';
import { type RunningBroker, type SomeLimits, startBroker } from '../../support/broker.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import * as packets from '../../support/packets.ts';
import { TestPlane } from '../../support/plane.ts';
import { RawClient } from '../../support/raw-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A data plane with connections of persistent sessions. */
function createPlane(limits: SomeLimits) {
  const made = new TestPlane(new MemoryDisk(), limits as Partial<BrokerLimits>);
  return { plane: made.plane, open: (clientId: string) => made.open(clientId, false).connection };
}

type Client = RunningBroker['client'];

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

describe('bytes of retained messages', () => {
  const payload = Buffer.alloc(1000);
  const set = (who: RawClient, topic: string) =>
    who.publish(topic, payload, { qos: 1, retain: true });

  test('one client has its share, and what it replaces is not counted again', async () => {
    const { broker, client } = await start({ retainedBytesPerClient: 3100 });
    const greedy = await client({ clientId: 'greedy' });
    for (let i = 0; i < 8; i++) await set(greedy, `g/${i % 5}`);
    expect(broker.counts).toMatchObject({ retained: 3, dropped: 2 });
    await set(await client({ clientId: 'modest' }), 'm');
    expect(broker.counts.retained).toBe(4);
    expect(broker.troubles()).toEqual([
      'the limit broker.limits.retainedBytesPerClient is reached (3100); greedy has the most: 3015',
    ]);
  });

  test('the shares are the same after a restart', async () => {
    const folder = tempFolder();
    const limits = { retainedMessagesPerClient: 3, retainedBytesPerClient: 2100 };
    const before = await startBroker(folder, limits);
    const [few, long] = [
      await before.client({ clientId: 'few' }),
      await before.client({ clientId: 'long' }),
    ];
    for (const topic of ['f/1', 'f/2', 'f/3'])
      await few.publish(topic, 'x', { qos: 1, retain: true });
    for (const topic of ['l/1', 'l/2']) await set(long, topic);
    await before.stop();
    const after = await startBroker(folder, limits);
    const again = await after.client({ clientId: 'few' });
    await again.publish('f/4', 'x', { qos: 1, retain: true });
    await set(await after.client({ clientId: 'long' }), 'l/3');
    expect(after.broker.counts).toMatchObject({ retained: 5, dropped: 2 });
    await again.publish('f/1', '', { qos: 1, retain: true });
    await again.publish('f/4', 'x', { qos: 1, retain: true });
    expect(after.broker.counts).toMatchObject({ retained: 5, dropped: 2 });
  });
});

describe('bytes of filters', () => {
  const long = (name: string): readonly [string, 0] => [`${name}/${'x'.repeat(998)}`, 0];

  test('one client has its share', async () => {
    const { broker, client } = await start({ subscriptionBytesPerClient: 2048 });
    const greedy = await client({ clientId: 'greedy' });
    expect(await greedy.subscribe(long('a'), long('b'), long('c'), ['d', 0])).toEqual([
      0, 0, 0x80, 0,
    ]);
    await greedy.unsubscribe(long('a')[0]);
    expect(await greedy.subscribe(long('c'))).toEqual([0]);
    expect(broker.troubles()).toEqual([
      'the limit broker.limits.subscriptionBytesPerClient is reached (2048); greedy has the most: 2001',
    ]);
  });

  test('the absent session with the longest filters makes room', async () => {
    const { broker, client } = await start({ subscriptionBytes: 2999 });
    for (const [name, filters] of [
      [
        'short',
        [
          ['s/1', 0],
          ['s/2', 0],
          ['s/3', 0],
        ],
      ],
      ['long', [long('a'), long('b')]],
    ] as const) {
      const away = await client({ clientId: name, clean: false });
      await away.subscribe(...filters);
      await away.disconnect();
    }
    const present = await client({ clientId: 'present' });
    expect(await present.subscribe(long('c'), long('d'), long('e'))).toEqual([0, 0, 0x80]);
    expect(broker.sessions.map(({ clientId }) => clientId)).toEqual(['present']);
  });
});

test('what an earlier version has stored as shared subscriptions gets messages', async () => {
  const folder = tempFolder();
  const before = await startBroker(folder);
  before.store.journal.add(['openSession', 90, 'a', Date.now(), NEVER]);
  before.store.journal.add(['subscribe', 90, '$share/group/t', 1, 0, 0]);
  await before.stop();
  const after = await startBroker(folder);
  await (await after.client()).publish('t', 'x', { qos: 1 });
  const member = await after.client({ clientId: 'a', clean: false });
  expect((await member.message()).payload).toBe('x');
});

test('what a member of a group may have been sent before a crash is unsure at each later start, until it is back', async () => {
  const folder = tempFolder();
  const clock = createAheadClock();
  const begin = () => startBroker(folder, {}, { clock }, 'tcp', clock);
  const first = await begin();
  const { journal } = first.store;
  journal.add(['openSession', 90, 'lost', Date.now(), NEVER]);
  journal.add(['subscribe', 90, '$share/g/t', 1, 0, 0]);
  await first.stop();
  const second = await begin();
  await (await second.client()).publish('t', 'x', { qos: 1 });
  // As a crash leaves it while the client is connected.
  second.store.journal.add(['sessionSeen', 0, 90]);
  await second.stop();
  await (await begin()).stop();
  const { broker, client } = await begin();
  const other = await client({ clientId: 'other', clean: false });
  await other.subscribe(['$share/g/t', 1]);
  await other.quiet();
  clock.pass(3001);
  broker.sweep();
  expect(await other.message()).toMatchObject({ payload: 'x', dup: true });
});

describe('what absent clients hold', () => {
  const fill = async (client: Client, clientId: string, messages: number): Promise<void> => {
    const away = await client({ clientId, clean: false });
    await away.subscribe([clientId, 1]);
    await away.disconnect();
    const publisher = await client();
    for (let i = 0; i < messages; i++) {
      await publisher.publish(clientId, Buffer.alloc(1000), { qos: 1 });
    }
  };

  test('beyond `absentQueueBytes` the session with the longest queue ends, and its messages are counted', async () => {
    const { broker, client, records } = await start({ absentQueueBytes: 25_000 });
    await fill(client, 'long', 15);
    await fill(client, 'short', 5);
    const present = await client({ clientId: 'present', clean: false });
    await present.subscribe(['present', 1]);
    broker.sweep();
    expect(broker.drops.total).toBe(0);
    await fill(client, 'more', 6);
    broker.sweep();
    const ids = broker.sessions
      .filter(({ persistent }) => persistent)
      .map(({ clientId }) => clientId);
    expect(ids.toSorted()).toEqual(['more', 'present', 'short']);
    expect(broker.drops.reasons).toEqual({ 'session-cut': 15 });
    expect(records).toContainEqual(
      expect.objectContaining({ client: 'long', msg: 'session ended' }),
    );
    expect(broker.troubles()).toEqual([
      expect.stringMatching(
        /^the limit broker\.limits\.absentQueueBytes is reached \(25000\); more /,
      ),
    ]);
  });

  test('with `absentSessions: keep` it is only reported', async () => {
    const { broker, client } = await start({ absentQueueBytes: 5000, absentSessions: 'keep' });
    await fill(client, 'long', 8);
    broker.sweep();
    expect(broker.counts).toMatchObject({ queued: 8, dropped: 0 });
    expect(broker.troubles()).toHaveLength(1);
  });

  test('beyond `sessions` an empty one ends first, then the one that was absent for longest', async () => {
    const { broker, client } = await start({ sessions: 3 });
    for (const clientId of ['oldest', 'empty', 'old']) {
      const away = await client({ clientId, clean: false });
      if (clientId !== 'empty') await away.subscribe([clientId, 1]);
      await away.disconnect();
    }
    const ids = () => broker.sessions.map(({ clientId }) => clientId).toSorted();
    await client({ clientId: 'new1', clean: false });
    expect(ids()).toEqual(['new1', 'old', 'oldest']);
    await client({ clientId: 'new2' });
    expect(ids()).toEqual(['new1', 'new2', 'old']);
    await client({ clientId: 'old', clean: false });
    await expect(client({ clientId: 'new3' })).rejects.toThrow('CONNACK has code 3');
    expect(broker.troubles()[0]).toMatch(/^the limit broker\.limits\.sessions is reached \(3\)/);
  });

  test('beyond `unreleased` an absent session with the most identifiers ends, then the client with the most goes', async () => {
    const { broker, client } = await start({ unreleased: 10 });
    const begin = async (
      clientId: string,
      clean: boolean,
      messages: number,
    ): Promise<RawClient> => {
      const publisher = await client({ clientId, clean });
      for (let id = 1; id <= messages; id++) {
        publisher.send(packets.publish('t', 'x', { qos: 2, id }));
        await publisher.next('pubrec');
      }
      return publisher;
    };
    const away = await begin('away', false, 6);
    await away.disconnect();
    const most = await begin('most', true, 5);
    broker.sweep();
    expect(broker.sessions.map(({ clientId }) => clientId)).toEqual(['most']);
    const other = await begin('other', true, 4);
    broker.sweep();
    await other.quiet();
    for (let id = 5; id <= 7; id++) {
      other.send(packets.publish('t', 'x', { qos: 2, id }));
      await other.next('pubrec');
    }
    broker.sweep();
    await other.gone();
    await most.quiet();
  });
});

test('unread and unfinished bytes are documented limits, and reaching one names who has most', async () => {
  const { broker, client } = await start({
    packet: 8 * 1024 * 1024,
    unfinishedMemory: 2 * 1024 * 1024,
    unreadMemory: 1024 * 1024,
    unreadMemoryPerClient: 900 * 1024,
  });
  const claim = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x02]);
  const [one, two] = [await client({ clientId: 'one' }), await client({ clientId: 'two' })];
  one.send(claim, Buffer.alloc(1_500_000, 0x41));
  two.send(claim, Buffer.alloc(1_000_000, 0x41));
  await Promise.race([one.gone(), two.gone()]);
  expect(broker.troubles()).toContainEqual(
    expect.stringMatching(/^the limit broker\.limits\.unfinishedMemory is reached \(2097152\)/),
  );
  for (const clientId of ['deaf', 'mute']) {
    const silent = await client({ clientId });
    await silent.subscribe(['big', 0]);
    silent.pause();
  }
  const publisher = await client({ clientId: 'publisher' });
  await waitFor(
    async () => {
      publisher.send(packets.publish('big', Buffer.alloc(200_000)));
      await publisher.quiet();
      broker.sweep();
      expect(broker.troubles()).toContainEqual(
        expect.stringMatching(
          /^the limit broker\.limits\.unreadMemory is reached \(1048576\); (deaf|mute) has/,
        ),
      );
    },
    { timeout: 10_000, interval: 10 },
  );
});

test('a long SUBSCRIBE does not end for the unfinished packet of another client, which is cut off', async () => {
  const { broker, client, records } = await start({
    packet: 8 * 1024 * 1024,
    unfinishedMemory: 1024 * 1024,
  });
  const claim = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x02]);
  const large = await client({ clientId: 'large' });
  large.send(claim, Buffer.alloc(1_200_000, 0x41));
  await waitFor(() => expect(broker.traffic.bytesReceived).toBeGreaterThan(1_200_000));
  const many = await client({ clientId: 'many' });
  const filters = Array.from({ length: 900 }, (_, n) => [`a/${n}/+`, 0] as const);
  many.send(packets.subscribe(1, filters));
  expect((await many.next('suback')).type).toBe('suback');
  await large.gone();
  expect(
    records.flatMap(({ msg, client }) => (msg === 'connection closed' ? [client] : [])),
  ).toEqual(['large']);
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
  // In a crowd, their CONNECT could be on its way for a second; until then the newcomer is refused.
  const admitted = (clientId: string) => waitFor(() => client({ clientId }), { timeout: 10_000 });
  const late = await admitted('late');
  await late.publish('t', 'x', { qos: 1 });
  for (let i = 1; i < 20; i++) await admitted(`c${i}`);
  await expect(client({ clientId: 'one more' })).rejects.toThrow('CONNACK has code 3');
  for (const each of silent) await each.closed();
  expect(broker.troubles()).toContainEqual(
    expect.stringMatching(
      /^the limit broker\.limits\.connectionsPerAddress is reached \(20\); loopback has/,
    ),
  );
  late.send(packets.disconnect);
});
