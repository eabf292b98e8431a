import { expect, test } from 'vitest';
import { LatestPerTopic } from '../../../src/queue/latest-per-topic.ts';
import { createMessage } from '../../../src/queue/message.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { FakeOwner } from '../../support/entries.ts';

/** A queue of which the first entries are on disk. */
function setUp({ onDisk = [] as string[] } = {}) {
  const owner = new FakeOwner(1);
  const make = (topic: string) => owner.entry(createMessage(topic, Buffer.from('x')));
  const disk: QueueEntry[] = onDisk.map(make);
  const memory: QueueEntry[] = [];
  const found: string[] = [];
  let failing = false;
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
