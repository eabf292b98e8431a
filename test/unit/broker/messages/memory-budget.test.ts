import { expect, test } from 'vitest';
import { MemoryBudget } from '../../../../src/broker/messages/memory-budget.ts';
import { ENTRY_BYTES } from '../../../../src/queue/queue-entry.ts';
import { LIMITS } from '../../../support/broker.ts';
import { memoryBudget } from '../../../support/memory.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

test('clean sessions have room to the byte, slow readers less, and a refusal is reported', () => {
  let reached = 0;
  const budget = new MemoryBudget({ ...LIMITS, queueMemory: 8000 }, () => void reached++);
  const free = 8000 - ENTRY_BYTES;
  expect([budget.hasRoom(free, false), reached]).toEqual([true, 0]);
  expect([budget.hasRoom(free + 1, false), reached]).toEqual([false, 1]);
  budget.queued = 1000;
  expect([budget.hasRoom(free - 1000, false), reached]).toEqual([true, 1]);
  expect([budget.hasRoom(5000 - ENTRY_BYTES - 1000, true), reached]).toEqual([true, 1]);
  expect([budget.hasRoom(5000 - ENTRY_BYTES - 999, true), reached]).toEqual([false, 2]);
});

test('queues are tight above three quarters of their room', () => {
  const budget = new MemoryBudget({ ...LIMITS, queueMemory: 8000 }, () => undefined);
  const tight = [0, 6000, 6001].map((queued) => {
    budget.queued = queued;
    return budget.isTight;
  });
  expect(tight).toEqual([false, false, true]);
});

test('incomplete packets are short of room above 32 MiB, and too many above 64 MiB', () => {
  const budget = memoryBudget();
  const seen = [0, 32 * MIB, 32 * MIB + 1, 64 * MIB, 64 * MIB + 1].map((unfinished) => {
    budget.unfinished = unfinished;
    return [budget.isShortOfUnfinished, budget.hasTooManyUnfinished];
  });
  expect(seen).toEqual([
    [false, false],
    [false, false],
    [true, false],
    [true, false],
    [true, true],
  ]);
});

test.each([
  // All connections together leave little unread: one may leave 256 KiB, and is cut off at 8 MiB.
  [0, 256 * KIB, false, false],
  [0, 256 * KIB + 1, true, false],
  [64 * MIB, 32 * KIB + 1, false, false],
  [0, 8 * MIB, true, false],
  [0, 8 * MIB + 1, true, true],
  // All leave much unread: one may leave 32 KiB, and is cut off at 64 KiB above 128 MiB of all.
  [64 * MIB + 1, 32 * KIB, false, false],
  [64 * MIB + 1, 32 * KIB + 1, true, false],
  [128 * MIB, 64 * KIB + 1, true, false],
  [128 * MIB + 1, 64 * KIB, true, false],
  [128 * MIB + 1, 64 * KIB + 1, true, true],
])(
  'of %i bytes unread by all, one with %i is a backlog: %s, too much: %s',
  (all, own, backlog, tooMuch) => {
    const budget = memoryBudget();
    budget.unread = all;
    expect([budget.isBacklog(own), budget.isTooMuch(own)]).toEqual([backlog, tooMuch]);
  },
);
