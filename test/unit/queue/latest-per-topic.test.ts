import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { LatestPerTopic } from '../../../src/queue/latest-per-topic.ts';
import { createMessage } from '../../../src/queue/message.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { FakeOwner } from '../../support/entries.ts';

/** A queue of which the first entries are on disk. */
function setUp({ onDisk = [] as string[], failing = false } = {}) {
  const owner = new FakeOwner(1);
  const make = (topic: string) => owner.entry(createMessage(topic, Buffer.from('x')));
  const disk: QueueEntry[] = onDisk.map(make);
  const memory: QueueEntry[] = [];
  const found: string[] = [];
  const latest = new LatestPerTopic({
    queue: {
      first: (seq) =>
        disk.some((entry) => entry.seq >= seq)
          ? 'stored'
          : memory.find((entry) => entry.seq >= seq && !entry.gone),
    },
    load: async (seq, limit) => {
      if (failing) throw new Error('disk');
      return disk.filter((entry) => entry.seq >= seq).slice(0, limit);
    },
    stored:
      disk.length > 0
        ? { first: 1, last: disk.length, count: disk.length, bytes: 0, oldestAt: 0 }
        : undefined,
    found: () => void found.push('found'),
  });
  const push = (topic: string) => {
    latest.arrived(topic);
    memory.push(make(topic));
  };
  /** Drops what is overtaken, as a full queue does; gives the numbers. */
  const drop = (count: number) => {
    const dropped: (number | 'later' | undefined)[] = [];
    for (let i = 0; i < count; i++) {
      const next = latest.next();
      if (typeof next !== 'object') dropped.push(next);
      else {
        dropped.push(next.seq);
        latest.left(next.topic);
        for (const entry of memory) if (entry.seq === next.seq) entry.gone = true;
      }
    }
    return dropped;
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { latest, push, drop, found, settled, fail: (on: boolean) => (failing = on) };
}

test('the oldest message that a newer one of its topic has overtaken comes first', () => {
  const { push, drop } = setUp();
  for (const topic of ['a', 'b', 'c', 'b', 'a', 'b']) push(topic);
  expect(drop(4)).toEqual([1, 2, 4, undefined]);
});

test('a message that was the newest of its topic when it was passed is found once a newer one comes', () => {
  const { push, drop } = setUp();
  for (const topic of ['a', 'b', 'c']) push(topic);
  expect(drop(1)).toEqual([undefined]);
  push('c');
  push('a');
  expect(drop(3)).toEqual([1, 3, undefined]);
});

test('messages that were passed and then overtaken come in the order of the queue', () => {
  const { push, drop } = setUp();
  for (const topic of ['a', 'b', 'c', 'd']) push(topic);
  expect(drop(1)).toEqual([undefined]);
  for (const topic of ['b', 'd', 'a', 'c']) push(topic);
  expect(drop(5)).toEqual([1, 2, 3, 4, undefined]);
});

test('a message that is alone of its topic after others have left is not overtaken', () => {
  const { latest, push, drop } = setUp();
  push('a');
  push('a');
  latest.left('a');
  expect(drop(1)).toEqual([undefined]);
});

test('messages from before the start are counted and read from disk', async () => {
  const { push, drop, found, settled } = setUp({ onDisk: ['a', 'b', 'a', 'c'] });
  push('c');
  expect(drop(1)).toEqual(['later']);
  await settled();
  expect(found).toEqual(['found']);
  expect(drop(1)).toEqual(['later']);
  await settled();
  expect(found).toEqual(['found', 'found']);
  expect(drop(3)).toEqual([1, 4, undefined]);
});

test('a read that fails is asked for again by the next search', async () => {
  const { push, drop, settled, fail } = setUp({ onDisk: ['a', 'b'] });
  await settled();
  push('a');
  fail(true);
  expect(drop(1)).toEqual(['later']);
  await settled();
  fail(false);
  expect(drop(1)).toEqual(['later']);
  await settled();
  expect(drop(1)).toEqual([1]);
});

test('messages from before the start are counted when the disk can be read again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { drop, found, settled, fail } = setUp({ onDisk: ['a', 'b', 'a'], failing: true });
  await settled();
  expect([drop(1), found]).toEqual([['later'], []]);
  fail(false);
  await vi.advanceTimersByTimeAsync(1000);
  await settled();
  expect(found).toEqual(['found']);
  expect(drop(1)).toEqual(['later']);
  await settled();
  expect(drop(2)).toEqual([1, undefined]);
});

test('a part on disk that is longer than one read is searched to its end', async () => {
  const topics = Array.from({ length: 1200 }, (_, n) => `t${n}`);
  const { push, drop, settled } = setUp({ onDisk: topics });
  push('t1199');
  const dropped: unknown[] = [];
  for (let n = 0; n < 20 && dropped.at(-1) !== 1200; n++) {
    dropped.push(...drop(1));
    await settled();
  }
  expect(dropped.filter((each) => each !== 'later')).toEqual([1200]);
});

/** A disk that answers each read when the test says so. */
function slowDisk(count: number, topics: string) {
  const owner = new FakeOwner(1);
  const make = (topic: string) => owner.entry(createMessage(topic, Buffer.from('x')));
  const disk = [...topics].map(make);
  const reads: (() => void)[] = [];
  const latest = new LatestPerTopic({
    queue: { first: (seq) => (disk.some((entry) => entry.seq >= seq) ? 'stored' : undefined) },
    load: (seq) =>
      new Promise((resolve) => {
        reads.push(() => resolve(disk.filter((entry) => entry.seq >= seq)));
      }),
    stored: { first: 1, last: count, count, bytes: 0, oldestAt: 0 },
    found: () => undefined,
  });
  const answer = async () => {
    reads.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const next = () => {
    const found = latest.next();
    return typeof found === 'object' ? found.seq : found;
  };
  return { latest, reads, answer, next };
}

test('one read from disk at a time', async () => {
  const { reads, answer, next } = slowDisk(2, 'ab');
  await answer();
  expect([next(), next()]).toEqual(['later', 'later']);
  expect(reads).toHaveLength(1);
});

test('a message that reached the disk after the start is counted once', async () => {
  // Two were on disk at the start; the third has arrived since.
  const { latest, answer, next } = slowDisk(2, 'abc');
  latest.arrived('c');
  await answer();
  expect(next()).toBe('later');
  await answer();
  expect(next()).toBeUndefined();
});

test('rows that are not on disk after all end the count', async () => {
  const { answer, next } = slowDisk(3, '');
  expect(next()).toBe('later');
  await answer();
  expect(next()).toBeUndefined();
});

describe('with 50,000 topics', () => {
  const TOPICS = 50_000;
  /** Each message is passed once, in the order of arrival. */
  const full = (topics: number) => {
    const owner = new FakeOwner(1);
    const entries: QueueEntry[] = [];
    const latest = new LatestPerTopic({
      queue: { first: (seq) => entries[Math.max(0, seq - 1)] },
      load: async () => [],
      stored: undefined,
      found: () => undefined,
    });
    const push = (topic: string) => {
      latest.arrived(topic);
      entries.push(owner.entry(createMessage(topic, Buffer.from('x'))));
    };
    for (let n = 0; n < topics; n++) push(`t${n}`);
    const next = () => {
      const found = latest.next();
      return typeof found === 'object' ? found.topic : found;
    };
    return { latest, push, next };
  };

  test('the last one is followed', () => {
    const { push, next } = full(TOPICS);
    push(`t${TOPICS - 1}`);
    expect(next()).toBe(`t${TOPICS - 1}`);
  });

  test('one more is not: its messages never count as overtaken', () => {
    const { push, next } = full(TOPICS);
    push('more');
    push('more');
    expect(next()).toBeUndefined();
  });

  test('one more is followed when another has left', () => {
    const { latest, push, next } = full(TOPICS);
    latest.left('t0');
    push('more');
    push('more');
    expect(next()).toBe('more');
  });
});
