import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Publication } from '../../../src/broker/messages/publication.ts';
import type { QueueLimits } from '../../../src/queue/bounded-queue.ts';
import { createMessage } from '../../../src/queue/message.ts';
import { type StoredEntry, topicOf } from '../../../src/queue/queue-entry.ts';
import { Journal } from '../../../src/store/commit/journal.ts';
import { UplinkQueue } from '../../../src/uplink/uplink-queue.ts';
import { FakeWriter } from '../../support/fake-writer.ts';
import { createFaults } from '../../support/faults.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LIMITS: QueueLimits = { messages: 3, bytes: 1000, age: 60_000, full: 'drop-oldest' };

function setUp(limits: Partial<QueueLimits> = {}, rows: readonly StoredEntry[] = []) {
  const writer = new FakeWriter();
  writer.fast = true;
  const journal = new Journal({
    faults: createFaults(),
    writer,
    deferredMs: 1000,
    nextMessageId: 1,
    retainedValue: () => undefined,
    onTrouble: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  const dropped: string[] = [];
  let now = 0;
  const count = rows.length;
  const reads = { count: 0, failing: false };
  const queue = new UplinkQueue(
    {
      journal,
      load: async (_key, seq, limit) => {
        reads.count++;
        if (reads.failing) throw new Error('no read');
        return rows.filter((row) => row.seq >= seq).slice(0, limit);
      },
      now: () => now,
      dropped: (topic, reason) => dropped.push(`${topic} ${reason}`),
      ready: () => undefined,
      flowing: () => false,
    },
    { name: 'normal', slot: 1, key: 5, high: false, live: false },
    { ...LIMITS, ...limits },
    { sent: 0, queue: { first: 1, last: count, count, bytes: count * 4, oldestAt: 0 } },
  );
  const push = (topic: string, qos: 0 | 1 | 2 = 1): void =>
    queue.push(
      new Publication().of(createMessage(topic, Buffer.from('x')), topic, qos, false),
      qos === 2 ? 2 : 1,
    );
  const drain = (): string => {
    let topics = '';
    while (queue.peek()) topics += topicOf(queue.take());
    return topics;
  };
  const later = (ms: number) => (now += ms);
  return { queue, writer, dropped, push, drain, later, reads };
}

const row = (seq: number, topic: string, flags: number): StoredEntry => ({
  seq,
  flags,
  at: 0,
  body: createMessage(topic, Buffer.from('x')).body,
});

test.each([
  ['drop-oldest', ['a queue-full'], 'bcb'],
  ['drop-newest', ['b queue-full'], 'abc'],
  ['latest-per-topic', ['b superseded'], 'acb'],
] as const)('%s: a full queue drops a message and names its topic', (full, drops, left) => {
  const { dropped, push, drain } = setUp({ full });
  for (const topic of 'abcb') push(topic);
  expect(dropped).toEqual(drops);
  expect(drain()).toBe(left);
});

test('narrower bounds drop what is beyond them', () => {
  const { queue, dropped, push, drain } = setUp();
  for (const topic of 'abc') push(topic);
  queue.bound(true, { ...LIMITS, messages: 2 });
  expect(dropped).toEqual(['a queue-full']);
  expect(queue.high).toBe(true);
  expect(drain()).toBe('bc');
});

test('messages that are too old are dropped', () => {
  const { queue, dropped, push, drain, later } = setUp();
  push('a');
  later(60_001);
  push('b');
  queue.expire();
  expect(dropped).toEqual(['a expired']);
  expect(drain()).toBe('b');
});

test('QoS 2 is given when it is on disk', async () => {
  const { queue, push } = setUp();
  push('a', 2);
  expect(queue.peek()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(10);
  expect(topicOf(queue.peek()!)).toBe('a');
});

test('QoS 0 is written a second later, QoS 1 at once', async () => {
  const { writer, push } = setUp();
  push('a', 0);
  await vi.advanceTimersByTimeAsync(500);
  expect(writer.tried).toHaveLength(0);
  push('b', 1);
  await vi.advanceTimersByTimeAsync(10);
  expect(writer.tried).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(500);
  expect(writer.tried).toHaveLength(2);
});

test('packet identifiers follow from the number and the slot, so that they survive a restart', () => {
  const { queue, push } = setUp({ messages: 3000, bytes: 100_000 });
  for (let i = 0; i < 2001; i++) push('a');
  const ids = Array.from({ length: 2001 }, () => queue.packetIdOf(queue.take()));
  expect([ids[0], ids[1999], ids[2000]]).toEqual([2001, 4000, 2001]);
});

test('what a plant has lost is sent again as if for the first time', async () => {
  const rows = [row(1, 'a', 2 | 8 | 16), row(2, 'b', 1 | 8), row(3, 'c', 1 | 8)];
  const { queue } = setUp({}, rows);
  queue.sent = 2;
  queue.forgetSent();
  queue.peek();
  await vi.advanceTimersByTimeAsync(1);
  const entries = rows.map(() => queue.take());
  expect(entries.map(({ sent }) => sent)).toEqual([false, false, true]);
  expect(entries[0]!.released).toBe(false);
});

test('a purge takes what is queued, from disk too, and not what comes meanwhile', async () => {
  const { queue, push, drain } = setUp({ messages: 10 }, [row(1, 'a', 1), row(2, 'b', 1)]);
  push('c');
  const purged = queue.purge(() => undefined);
  push('d');
  await vi.advanceTimersByTimeAsync(100);
  expect(await purged).toBe(3);
  expect(drain()).toBe('d');
});

test('a purge reads nothing from disk, and what a read has under way does not come back', async () => {
  const { queue, reads, push, drain } = setUp({ messages: 10 }, [row(1, 'a', 1), row(2, 'b', 1)]);
  expect(queue.peek()).toBeUndefined();
  const purged = queue.purge(() => undefined);
  push('c');
  await vi.advanceTimersByTimeAsync(100);
  expect([await purged, drain(), reads.count]).toEqual([2, 'c', 1]);
});

test('a message larger than the whole queue is dropped, and no other for it', () => {
  const { queue, dropped, push, drain } = setUp({ bytes: 20 });
  push('a');
  push('b'.repeat(20));
  expect(dropped).toEqual([`${'b'.repeat(20)} queue-full`]);
  expect(queue.queue.count).toBe(1);
  expect(drain()).toBe('a');
});
