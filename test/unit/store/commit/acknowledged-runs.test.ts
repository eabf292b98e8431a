import { describe, expect, test } from 'vitest';
import { AcknowledgedRuns } from '../../../../src/store/commit/acknowledged-runs.ts';
import type { Operation } from '../../../../src/store/commit/batch.ts';
import { FakeOwner } from '../../../support/entries.ts';

/** What the next commit takes, as `session: first-last` and operations. */
function taken(runs: AcknowledgedRuns): { ranges: string[]; operations: Operation[] } {
  const operations: Operation[] = [];
  return { ranges: inWords(runs.take(operations)), operations };
}

function inWords(ranges: readonly number[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < ranges.length; i += 3) {
    words.push(`${ranges[i]}: ${ranges[i + 1]}-${ranges[i + 2]}`);
  }
  return words;
}

test('numbers that follow each other are one run, of each session its own', () => {
  const runs = new AcknowledgedRuns();
  const [a, b] = [new FakeOwner(1), new FakeOwner(2)];
  for (const seq of [3, 4, 5]) {
    runs.add(a, seq);
    runs.add(b, seq + 10);
  }
  expect(taken(runs).ranges).toEqual(['1: 3-5', '2: 13-15']);
  expect(taken(runs).ranges).toEqual([]);
});

test('a gap, and a number that comes out of order, begin another run', () => {
  const runs = new AcknowledgedRuns();
  const owner = new FakeOwner(1);
  for (const seq of [1, 2, 4, 3]) runs.add(owner, seq);
  expect(taken(runs).ranges).toEqual(['1: 1-2', '1: 4-4', '1: 3-3']);
});

test('a run that was taken does not grow', () => {
  const runs = new AcknowledgedRuns();
  const owner = new FakeOwner(1);
  runs.add(owner, 1);
  taken(runs);
  runs.add(owner, 2);
  expect(taken(runs).ranges).toEqual(['1: 2-2']);
});

test('the sent number is stored once, and only when it is higher than on disk', () => {
  const runs = new AcknowledgedRuns();
  const owner = new FakeOwner(3);
  owner.sent = 5;
  runs.markSent(owner);
  expect(taken(runs).operations).toEqual([['sessionSent', 5, 3]]);
  expect(owner.sentOnDisk).toBe(5);
  runs.markSent(owner);
  expect(taken(runs).operations).toEqual([]);
});

test('nothing is stored for a session that has ended', () => {
  const runs = new AcknowledgedRuns();
  const owner = new FakeOwner(1);
  runs.add(owner, 1);
  owner.sent = 1;
  owner.ended = true;
  expect(taken(runs)).toEqual({ ranges: [], operations: [] });
});

describe('takeBelow', () => {
  test('divides a run at the number, and leaves the upper part', () => {
    const runs = new AcknowledgedRuns();
    const owner = new FakeOwner(1);
    for (const seq of [1, 2, 3, 4]) runs.add(owner, seq);
    expect(inWords(runs.takeBelow(new Map([[1, 3]])))).toEqual(['1: 1-2']);
    expect(taken(runs).ranges).toEqual(['1: 3-4']);
  });

  test('takes nothing of a run that begins at the number', () => {
    const runs = new AcknowledgedRuns();
    const owner = new FakeOwner(1);
    runs.add(owner, 3);
    expect(runs.takeBelow(new Map([[1, 3]]))).toEqual([]);
    expect(taken(runs).ranges).toEqual(['1: 3-3']);
  });

  test('takes all of a session that the batch has no entries of, and what is put back comes again', () => {
    const runs = new AcknowledgedRuns();
    const owner = new FakeOwner(1);
    runs.add(owner, 1);
    const ranges = runs.takeBelow(new Map([[2, 1]]));
    expect(inWords(ranges)).toEqual(['1: 1-1']);
    runs.putBack(ranges);
    expect(taken(runs).ranges).toEqual(['1: 1-1']);
  });
});
