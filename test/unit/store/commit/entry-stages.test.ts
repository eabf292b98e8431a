import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { QueueEntry } from '../../../../src/queue/queue-entry.ts';
import { EntryStages } from '../../../../src/store/commit/entry-stages.ts';
import { FakeOwner, message } from '../../../support/entries.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const onDue = vi.fn();
  const stages = new EntryStages(onDue);
  const owner = new FakeOwner(1);
  const discard = (entry: QueueEntry): void => {
    entry.gone = true;
    stages.discard(entry);
  };
  return { stages, onDue, owner, discard, entry: () => owner.entry(message('m')) };
}

const numbers = (entries: readonly QueueEntry[]): number[] => entries.map(({ seq }) => seq);

describe('a durable entry', () => {
  test('is due at once where it may not wait, and where nobody can acknowledge it', () => {
    const { stages, owner, entry } = setUp();
    expect(stages.add(entry(), false)).toBe(true);
    expect(stages.add(entry(), true)).toBe(false);
    owner.online = false;
    expect(stages.add(entry(), true)).toBe(true);
    expect(numbers(stages.takeDue())).toEqual([1, 3]);
    expect(stages.takeDue()).toEqual([]);
  });

  test('is due after one to two generations of 3 ms', () => {
    const { stages, onDue, entry } = setUp();
    stages.add(entry(), true);
    vi.advanceTimersByTime(2);
    stages.add(entry(), true);
    vi.advanceTimersByTime(2);
    stages.add(entry(), true);
    expect(onDue).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2);
    expect(onDue).toHaveBeenCalledTimes(1);
    expect(numbers(stages.takeDue())).toEqual([1, 2]);
    vi.advanceTimersByTime(3);
    expect(numbers(stages.takeDue())).toEqual([3]);
    vi.advanceTimersByTime(200);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that is discarded meanwhile is not due, and calls nobody', () => {
    const { stages, onDue, entry, discard } = setUp();
    const waiting = entry();
    stages.add(waiting, true);
    discard(waiting);
    vi.advanceTimersByTime(10);
    expect(onDue).not.toHaveBeenCalled();
    expect(stages.takeDue()).toEqual([]);
  });

  test('of a stream that is acknowledged in time waits for 40 to 80 ms', () => {
    const { stages, onDue, entry, discard } = setUp();
    const stream = (ms: number, acknowledgedMs: number): void => {
      for (let n = 0; n < ms; n += 5) {
        const one = entry();
        stages.add(one, true);
        setTimeout(() => discard(one), acknowledgedMs);
        vi.advanceTimersByTime(5);
      }
    };
    stream(1200, 2);
    expect(onDue).not.toHaveBeenCalled();
    stream(1200, 39);
    expect(onDue).not.toHaveBeenCalled();
    stream(100, 1000);
    expect(onDue).toHaveBeenCalled();
  });

  test('is due in order when its client goes, before any that comes later', () => {
    const { stages, owner, entry } = setUp();
    const other = new FakeOwner(2);
    stages.add(entry(), true);
    vi.advanceTimersByTime(3);
    stages.add(entry(), true);
    stages.add(other.entry(message('other')), true);
    expect(stages.makeOwnerDue(owner)).toBe(true);
    expect(stages.makeOwnerDue(owner)).toBe(false);
    stages.add(entry(), false);
    expect(numbers(stages.takeDue())).toEqual([1, 2, 3]);
    expect(stages.waiting).toBe(1);
  });
});

describe('a deferred entry', () => {
  test('is not due until it is made due', () => {
    const { stages, entry, discard } = setUp();
    const [first, second] = [entry(), entry()];
    stages.addDeferred(first);
    stages.addDeferred(second);
    vi.advanceTimersByTime(100);
    expect(stages.takeDue()).toEqual([]);
    discard(first);
    expect(stages.makeDeferredDue()).toBe(true);
    expect(numbers(stages.takeDue())).toEqual([2]);
    expect(stages.makeDeferredDue()).toBe(false);
  });

  test('is due after it has waited for a half of the time: one that has just come may still be acknowledged', () => {
    const { stages, entry, discard } = setUp();
    const acknowledged = entry();
    for (const each of [entry(), acknowledged]) stages.addDeferred(each);
    expect(stages.ageDeferred(false)).toBe(false);
    stages.addDeferred(entry());
    discard(acknowledged);
    expect(stages.ageDeferred(true)).toBe(true);
    expect(numbers(stages.takeDue())).toEqual([2]);
    expect([stages.ageDeferred(false), stages.hasDeferred]).toEqual([true, false]);
    expect(numbers(stages.takeDue())).toEqual([3]);
  });

  test('of an absent subscriber is due at the end of a whole time, all together and in their order', () => {
    const { stages, owner, entry } = setUp();
    owner.online = false;
    stages.addDeferred(entry());
    expect(stages.ageDeferred(false)).toBe(false);
    stages.addDeferred(entry());
    expect(stages.ageDeferred(true)).toBe(true);
    expect(numbers(stages.takeDue())).toEqual([1, 2]);
    expect(stages.hasDeferred).toBe(false);
  });

  test('calls for an early commit as the eight thousandth, or with 1 MiB', () => {
    const { stages, owner, entry } = setUp();
    for (let n = 1; n < 8000; n++) expect(stages.addDeferred(entry())).toBe(false);
    expect(stages.addDeferred(entry())).toBe(true);
    stages.makeDeferredDue();
    const half = message('x'.repeat(512 * 1024 - 3));
    expect(stages.addDeferred(owner.entry(half))).toBe(false);
    expect(stages.addDeferred(owner.entry(half))).toBe(true);
  });
});

test('makeAllDue leaves nothing behind', () => {
  const { stages, entry } = setUp();
  stages.addDeferred(entry());
  stages.add(entry(), true);
  vi.advanceTimersByTime(3);
  stages.add(entry(), true);
  stages.makeAllDue();
  expect(numbers(stages.takeDue())).toEqual([1, 2, 3]);
  expect(stages.waiting).toBe(0);
});

test('stop leaves no timer', () => {
  const { stages, entry } = setUp();
  stages.add(entry(), true);
  stages.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('an entry of an ended session is dropped, and so is one that its acknowledgement discards', () => {
  const { stages, owner, discard } = setUp();
  const other = new FakeOwner(2);
  const [early, late] = [other.entry(message('early')), other.entry(message('late'))];
  const acknowledged = vi.fn(() => {
    discard(early);
    discard(late);
  });
  const kept = message('m', acknowledged);
  stages.add(early, false);
  stages.add(owner.entry(kept), false);
  stages.add(late, false);
  kept.pendingAck!.add();
  kept.pendingAck!.done();
  owner.ended = true;
  expect(stages.takeDue()).toEqual([]);
  expect(acknowledged).toHaveBeenCalledTimes(1);
  expect([kept.holders, early.message.holders, late.message.holders]).toEqual([0, 0, 0]);
});

describe('congestion', () => {
  const MIB = 1024 * 1024;

  test('begins above 32 MiB and is relieved at 8 MiB, on disk or discarded', () => {
    const { stages, owner, discard } = setUp();
    const entries = Array.from({ length: 33 }, () => owner.entry(message('x'.repeat(MIB - 3))));
    const relieved = vi.fn();
    for (const entry of entries.slice(0, 32)) stages.add(entry, false);
    expect(stages.congested).toBe(false);
    stages.add(entries[32]!, false);
    expect(stages.congested).toBe(true);
    stages.onceRelieved(relieved);
    for (const entry of entries.slice(0, 12)) discard(entry);
    for (const entry of entries.slice(12, 24)) stages.confirm(entry);
    expect(stages.congested).toBe(false);
    expect(relieved).not.toHaveBeenCalled();
    stages.confirm(entries[24]!);
    expect(relieved).toHaveBeenCalledTimes(1);
    stages.confirm(entries[25]!);
    expect(relieved).toHaveBeenCalledTimes(1);
  });

  test('counts deferred entries too', () => {
    const { stages, owner } = setUp();
    stages.addDeferred(owner.entry(message('x'.repeat(33 * MIB))));
    expect(stages.congested).toBe(true);
  });
});
