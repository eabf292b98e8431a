import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  BoundedQueue,
  type BoundedQueueOwner,
  type QueueDrop,
  type QueueLimits,
} from '../../../src/queue/bounded-queue.ts';
import { createMessage } from '../../../src/queue/message.ts';
import type { StoredQueue } from '../../../src/queue/paged-queue.ts';
import {
  ENTRY_BYTES,
  QueueEntry,
  type StoredEntry,
  topicOf,
  WRITTEN,
} from '../../../src/queue/queue-entry.ts';
import { FakeOwner } from '../../support/entries.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = () => vi.advanceTimersByTimeAsync(1);

/** What an entry takes whose topic has one byte and whose payload has one. */
const SIZE = 4;

class Owner extends FakeOwner implements BoundedQueueOwner {
  readonly limits: { queue: QueueLimits };
  readonly drops: string[] = [];
  readonly deleted: number[] = [];
  readied = 0;

  constructor(limits: Partial<QueueLimits>) {
    super(1);
    const all = { messages: 3, bytes: 1000, age: 60_000, full: 'drop-oldest', ...limits } as const;
    this.limits = { queue: all };
  }
  dropped(entry: QueueEntry, reason: QueueDrop, topic = topicOf(entry)): void {
    entry.gone = true;
    this.drops.push(`${topic} ${reason}`);
    if (entry.written === WRITTEN) this.deleted.push(entry.seq);
  }
  ready(): void {
    this.readied++;
  }
}

function setUp(
  limits: Partial<QueueLimits> = {},
  { stored = '', memoryBytes = Number.POSITIVE_INFINITY } = {},
) {
  const owner = new Owner(limits);
  let now = 0;
  const rows: StoredEntry[] = [...stored].map((topic, i) => ({
    seq: i + 1,
    flags: 1,
    at: 0,
    body: createMessage(topic, Buffer.from('x')).body,
  }));
  let seq = rows.length;
  const count = rows.length;
  let failing = false;
  let loads = 0;
  const load = async (_key: number, from: number, limit: number): Promise<StoredEntry[]> => {
    loads++;
    if (failing) throw new Error('disk');
    return rows.filter((row) => row.seq >= from).slice(0, limit);
  };
  const before: StoredQueue = { first: 1, last: count, count, bytes: count * SIZE, oldestAt: 0 };
  const queue = new BoundedQueue(
    { owner, limits: owner.limits, memoryBytes, load, now: () => now },
    before,
  );
  /** Pushes a message where there is room; gives whether there was. */
  const push = (topic: string, payload = 'x'): boolean => {
    const message = createMessage(topic, Buffer.from(payload));
    if (!queue.makeRoom(message.body.length, topic)) return false;
    queue.push(new QueueEntry(owner, message, ++seq, 1, false, now));
    return true;
  };
  const drain = (): string => {
    let topics = '';
    while (queue.next()) topics += topicOf(queue.shift());
    return topics;
  };
  const later = (ms: number) => (now += ms);
  const fail = () => (failing = true);
  return { owner, queue, push, drain, later, fail, loads: () => loads };
}

describe('a full queue', () => {
  test('drop-oldest: the oldest is dropped for the new one', () => {
    const { owner, push, drain } = setUp();
    expect([...'abcde'].map((topic) => push(topic))).toEqual([true, true, true, true, true]);
    expect(owner.drops).toEqual(['a queue-full', 'b queue-full']);
    expect(drain()).toBe('cde');
  });

  test('drop-oldest: the oldest, even where a newer one of another topic is overtaken', () => {
    const { owner, push } = setUp();
    for (const topic of 'abbc') push(topic);
    expect(owner.drops).toEqual(['a queue-full']);
  });

  test('drop-newest: the new one has no room', () => {
    const { owner, push, drain } = setUp({ full: 'drop-newest' });
    expect([...'abcd'].map((topic) => push(topic))).toEqual([true, true, true, false]);
    expect(owner.drops).toEqual([]);
    expect(drain()).toBe('abc');
  });

  test('latest-per-topic: an overtaken message is dropped, and the oldest where there is none', () => {
    const { owner, push, drain } = setUp({ full: 'latest-per-topic' });
    for (const topic of 'abbc') push(topic);
    expect(owner.drops).toEqual(['b superseded']);
    push('d');
    expect(owner.drops).toEqual(['b superseded', 'a queue-full']);
    expect(drain()).toBe('bcd');
  });

  test('latest-per-topic: what has left the queue overtakes nothing', () => {
    const { owner, queue, push } = setUp({ full: 'latest-per-topic' });
    push('a');
    push('b');
    expect(topicOf(queue.shift())).toBe('a');
    for (const topic of 'cad') push(topic);
    expect(owner.drops).toEqual(['b queue-full']);
  });

  test('latest-per-topic: an overtaken message that has been sent meanwhile is not dropped again', () => {
    const { owner, queue, push, drain } = setUp({ full: 'latest-per-topic', messages: 2 });
    for (const topic of 'abc') push(topic);
    expect(owner.drops).toEqual(['a queue-full']);
    // It was passed in the search, and is remembered when the next one of its topic arrives.
    expect(topicOf(queue.shift())).toBe('b');
    push('b');
    push('d');
    expect(owner.drops).toEqual(['a queue-full', 'c queue-full']);
    expect(drain()).toBe('bd');
  });

  test('latest-per-topic: a message without room overtakes nothing', () => {
    const { owner, push, drain } = setUp({ full: 'latest-per-topic' });
    for (const topic of 'abc') push(topic);
    owner.limits.queue = { ...owner.limits.queue, full: 'drop-newest' };
    expect(push('b')).toBe(false);
    owner.limits.queue = { ...owner.limits.queue, full: 'latest-per-topic' };
    push('d');
    expect(owner.drops).toEqual(['a queue-full']);
    expect(drain()).toBe('bcd');
  });

  test.each(['drop-oldest', 'drop-newest', 'latest-per-topic'] as const)(
    '%s: a message larger than the whole queue has no room, and no other is dropped for it',
    (full) => {
      const { owner, push, drain } = setUp({ bytes: 10 * SIZE, full });
      for (const topic of 'ab') push(topic);
      expect(push('a', 'x'.repeat(10 * SIZE))).toBe(false);
      // It overtakes nothing either.
      for (const topic of 'cd') push(topic);
      expect(owner.drops).toEqual(full === 'drop-newest' ? [] : ['a queue-full']);
      expect(drain()).toBe(full === 'drop-newest' ? 'abc' : 'bcd');
    },
  );

  test('a message as large as the whole queue has room', () => {
    const { owner, push, drain } = setUp({ bytes: 10 * SIZE });
    push('a');
    expect(push('b', 'x'.repeat(9 * SIZE + 1))).toBe(true);
    expect(owner.drops).toEqual(['a queue-full']);
    expect(drain()).toBe('b');
  });

  test('hasRoom is whether another one has room without a drop', () => {
    const { owner, queue, push } = setUp();
    push('a');
    push('b');
    expect(queue.hasRoom(SIZE)).toBe(true);
    push('c');
    expect(queue.hasRoom(SIZE)).toBe(false);
    expect(owner.drops).toEqual([]);
  });

  test('a message larger than the memory of the queue has no room', () => {
    const { owner, push, drain } = setUp({ bytes: 1e6 }, { memoryBytes: 4 * (SIZE + ENTRY_BYTES) });
    for (const topic of 'ab') push(topic);
    expect(push('c', 'x'.repeat(5 * (SIZE + ENTRY_BYTES)))).toBe(false);
    expect(owner.drops).toEqual([]);
    expect(drain()).toBe('ab');
  });

  test('a message as large as the memory of the queue has room', () => {
    const { owner, push, drain } = setUp({}, { memoryBytes: 100 * SIZE });
    push('a');
    expect(push('b', 'x'.repeat(99 * SIZE + 1))).toBe(true);
    expect(owner.drops).toEqual(['a queue-full']);
    expect(drain()).toBe('b');
  });

  test('is bounded in bytes, to the byte', () => {
    const { owner, queue, push } = setUp({ messages: 100, bytes: 3 * SIZE });
    for (const topic of 'abc') push(topic);
    expect(owner.drops).toEqual([]);
    push('d');
    expect(owner.drops).toEqual(['a queue-full']);
    push('e', 'xx');
    expect(owner.drops).toEqual(['a queue-full', 'b queue-full', 'c queue-full']);
    expect(queue.bytes).toBe(2 * SIZE + 1);
  });

  test('in memory alone it is bounded by what its entries take', () => {
    const memoryBytes = 3 * SIZE + 2 * ENTRY_BYTES;
    const { owner, queue, push } = setUp({ messages: 100 }, { memoryBytes });
    for (const topic of 'abcd') push(topic);
    expect(owner.drops).toEqual(['a queue-full']);
    expect(queue.count).toBe(3);
  });

  test('in memory alone it counts the payload of the new one too', () => {
    const memoryBytes = 2 * ENTRY_BYTES + 100;
    const { owner, push } = setUp({ messages: 100 }, { memoryBytes });
    push('a');
    push('b', 'x'.repeat(150));
    expect(owner.drops).toEqual([]);
    push('c', 'x'.repeat(150));
    expect(owner.drops).toEqual(['a queue-full', 'b queue-full']);
  });

  test('drop-newest: what is in the queue stays when its bounds become narrower', () => {
    const { owner, queue, push, drain } = setUp({ full: 'drop-newest' });
    for (const topic of 'abc') push(topic);
    owner.limits.queue = { ...owner.limits.queue, messages: 1 };
    queue.trim();
    expect(owner.drops).toEqual([]);
    expect(drain()).toBe('abc');
  });

  test('is trimmed when its bounds become narrower', () => {
    const { owner, queue, push, drain } = setUp();
    for (const topic of 'abc') push(topic);
    owner.limits.queue = { ...owner.limits.queue, messages: 1 };
    queue.trim();
    expect(owner.drops).toEqual(['a queue-full', 'b queue-full']);
    expect(drain()).toBe('c');
  });
});

describe('a full queue that is on disk', () => {
  test('takes the new one and is trimmed when its oldest is read', async () => {
    const { owner, queue, push, drain } = setUp({}, { stored: 'abc' });
    expect(push('d')).toBe(true);
    expect(queue.count).toBe(4);
    await pass();
    expect(owner.drops).toEqual(['a queue-full']);
    expect(owner.readied).toBe(1);
    expect(drain()).toBe('bcd');
  });

  test('latest-per-topic: an overtaken message is deleted unread', async () => {
    const { owner, queue, push, drain } = setUp({ full: 'latest-per-topic' }, { stored: 'aab' });
    await pass();
    push('b');
    push('c');
    await pass();
    expect(owner.drops).toEqual(['a superseded', 'b superseded']);
    expect(owner.deleted).toEqual([1, 3]);
    expect(queue.count).toBe(3);
    for (let read = 0; read < 3; read++) {
      queue.peek();
      await pass();
    }
    expect(drain()).toBe('abc');
  });

  test('read gives copies, and the number up to which they are complete', async () => {
    const { queue, push } = setUp({ messages: 10 }, { stored: 'abc' });
    push('d');
    const seqs = async (seq: number, limit: number) => {
      const { entries, last } = await queue.read(seq, limit);
      return { seqs: entries.map((entry) => entry.seq), last };
    };
    expect(await seqs(1, 2)).toEqual({ seqs: [1, 2], last: 2 });
    expect(await seqs(1, 3)).toEqual({ seqs: [1, 2, 3], last: 3 });
    expect(await seqs(3, 2)).toEqual({ seqs: [3], last: 3 });
    expect(await seqs(4, 2)).toEqual({ seqs: [], last: 4 });
    expect([queue.firstSeq, queue.first(1), queue.count]).toEqual([1, 'stored', 4]);
  });

  test('read is without entries up to the end of the part on disk when the disk fails', async () => {
    const { queue, fail } = setUp({}, { stored: 'abc' });
    fail();
    expect(await queue.read(1, 2)).toEqual({ entries: [], last: 3 });
  });

  test('has an end to what it takes while its oldest is not read', () => {
    const { push } = setUp({}, { stored: 'abc' });
    const taken = Array.from({ length: 17_000 }, () => push('x')).filter(Boolean);
    expect(taken).toHaveLength(16_384);
  });

  test('has an end to the bytes that it takes while its oldest is not read', () => {
    const { push } = setUp({ bytes: 1e9 }, { stored: 'abc' });
    const megabyte = 'x'.repeat(1024 * 1024);
    const taken = Array.from({ length: 20 }, () => push('x', megabyte)).filter(Boolean);
    expect(taken).toHaveLength(16);
  });

  test('gives nothing more once its session has ended', async () => {
    const { owner, queue } = setUp({}, { stored: 'abc' });
    queue.peek();
    owner.ended = true;
    await pass();
    expect(queue.peek()).toBeUndefined();
  });

  test('what the receiver has lost counts as never sent', async () => {
    const { owner, queue } = setUp({}, { stored: 'abc' });
    owner.sentOnDisk = 3;
    queue.lostUpTo = 2;
    queue.peek();
    await pass();
    expect([1, 2, 3].map(() => queue.shift().sent)).toEqual([false, false, true]);
  });
});

describe('age', () => {
  test('the next entry is one that is not too old; one that was sent before never is', () => {
    const { owner, queue, push, later } = setUp();
    push('a');
    push('b');
    later(60_000);
    expect(topicOf(queue.next()!)).toBe('a');
    later(1);
    push('c');
    queue.peek()!.sent = true;
    expect(topicOf(queue.next()!)).toBe('a');
    queue.shift();
    expect(topicOf(queue.next()!)).toBe('c');
    expect(owner.drops).toEqual(['b expired']);
  });

  test('expire drops so many and no more, and none that was sent', () => {
    const { owner, queue, push, later } = setUp({ messages: 10 });
    for (const topic of 'abcd') push(topic);
    later(60_001);
    push('e');
    expect(queue.expire(2)).toBe(2);
    queue.peek()!.sent = true;
    expect(queue.expire(100)).toBe(0);
    queue.peek()!.sent = false;
    expect(queue.expire(100)).toBe(2);
    expect(owner.drops).toEqual(['a expired', 'b expired', 'c expired', 'd expired']);
    expect(queue.count).toBe(1);
  });
});

describe('age and what is not in memory', () => {
  test('expire reads nothing from disk before the oldest can be too old', () => {
    const { queue, later, loads } = setUp({}, { stored: 'abc' });
    later(60_000);
    expect(queue.expire(100)).toBe(0);
    expect(loads()).toBe(0);
    later(1);
    expect(queue.expire(100)).toBe(0);
    expect(loads()).toBe(1);
  });

  test('expire keeps what is behind an old message that was overtaken', () => {
    const { owner, queue, push, later } = setUp({ full: 'latest-per-topic', messages: 2 });
    push('a');
    later(30_000);
    push('a');
    push('b');
    expect(owner.drops).toEqual(['a superseded']);
    // The one behind it has the whole age, to the millisecond.
    later(60_000);
    expect(queue.expire(100)).toBe(0);
    expect(queue.count).toBe(2);
    later(1);
    expect(queue.expire(100)).toBe(2);
  });
});

test('spill frees the memory of what is on disk and far from being sent', () => {
  const { queue, push } = setUp({ messages: 1000, bytes: 1e6 });
  const entries: QueueEntry[] = [];
  for (let n = 0; n < 600; n++) push('x');
  for (let seq = 1; seq <= 600; seq++) entries.push(queue.first(seq) as QueueEntry);
  for (const entry of entries) entry.written = WRITTEN;
  expect(queue.first(600)).toBe(entries[599]);
  queue.spill();
  expect(queue.first(600)).toBe('stored');
});

test('unload frees the memory of what was read in advance for a receiver that has gone', async () => {
  const { queue, drain } = setUp({ messages: 10_000, bytes: 1e6 }, { stored: 'x'.repeat(2000) });
  for (let read = 0; read < 4; read++) {
    queue.peek();
    await pass();
  }
  expect(queue.first(700)).toBeInstanceOf(QueueEntry);
  queue.unload();
  expect(queue.first(700)).toBe('stored');
  expect(queue.count).toBe(2000);
  let sent = 0;
  for (let read = 0; read < 20; read++) {
    sent += drain().length;
    await pass();
  }
  expect(sent).toBe(2000);
});

test('a purge gives what is in memory and the range that is on disk, and reads nothing', async () => {
  const { queue, push, drain, loads } = setUp({ messages: 100 }, { stored: 'aab' });
  push('c');
  const discarded: string[] = [];
  const purged = queue.purge((entry) => discarded.push(topicOf(entry)));
  expect(purged).toEqual({ count: 4, stored: { first: 1, last: 3 } });
  expect([discarded, queue.count, queue.bytes, loads()]).toEqual([['c'], 0, 0, 0]);
  push('d');
  await pass();
  expect(drain()).toBe('d');
});

test('latest-per-topic: what a purge has taken away is not counted any more', async () => {
  const { owner, queue, push, drain } = setUp({ full: 'latest-per-topic' }, { stored: 'aab' });
  queue.purge(() => undefined);
  // The count of what was on disk at the start ends after the purge.
  await pass();
  for (const topic of 'abcc') push(topic);
  await pass();
  expect(owner.drops).toEqual(['c superseded']);
  expect(drain()).toBe('abc');
});

test('an entry that is held is given when it is on disk', () => {
  const { queue, push } = setUp();
  push('a');
  const entry = queue.peek()!;
  entry.held = true;
  expect(queue.next()).toBeUndefined();
  entry.written = WRITTEN;
  expect(queue.next()).toBe(entry);
});
