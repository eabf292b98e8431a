import { beforeEach, describe, expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import {
  encodeSegment,
  HAS_EXTRAS,
  type SegmentEntry,
} from '../../../../src/store/database/segment.ts';
import { SegmentEdits } from '../../../../src/store/database/segment-edits.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';

let db: Connection;
let table: SegmentTable;
let edits: SegmentEdits;

beforeEach(() => {
  db = referenceDatabase();
  table = new SegmentTable(db);
  edits = new SegmentEdits(db);
});

const RELEASED = 16;

/** Adds a segment of QoS 2 entries from `first` on; a number above 0 in `bodies` is that of a shared body. */
function insert(session: number, first: number, bodies: readonly number[]): void {
  const entries = bodies.map((shared, index): SegmentEntry => {
    const body = Buffer.from(`\0\x01t${shared > 0 ? `shared ${shared}` : `own ${first + index}`}`);
    if (shared > 0) table.hold(shared, 1, body);
    const { length } = body;
    const own = shared > 0 ? Buffer.alloc(0) : body;
    return { seq: first + index, flags: 2, at: 1000, shared, length, body: own };
  });
  table.insert(session, first, encodeSegment(entries, first), false);
}

const numbers = (session: number): number[] =>
  [...table.entries(session)].map((entry) => entry.seq);
const releasedIn = (session: number): number[] =>
  [...table.entries(session)].filter(({ flags }) => flags & RELEASED).map((entry) => entry.seq);
const refs = (): unknown[] => db.prepare('SELECT id, refs FROM message ORDER BY id').raw().all();

describe('drop', () => {
  test('deletes both ends of the run, within one segment', () => {
    insert(1, 1, [0, 0, 0, 0, 0]);
    edits.drop(1, 2, 4);
    edits.flushEdits();
    expect(numbers(1)).toEqual([1, 5]);
  });

  test('deletes over several segments, and leaves the entries on both sides', () => {
    insert(1, 1, [0, 0, 0]);
    insert(1, 4, [0, 0, 0]);
    insert(1, 7, [0, 0, 0]);
    edits.drop(1, 3, 7);
    edits.flushEdits();
    expect(numbers(1)).toEqual([1, 2, 8, 9]);
  });

  test('deletes more segments than are read at once, with the bodies that they share', () => {
    for (let n = 0; n < 150; n++) insert(1, 1 + 2 * n, [2 * n + 1, 2 * n + 2]);
    insert(2, 1, [299, 0]);
    table.hold(300, 1, Buffer.from('\0\x01tshared 300'));
    edits.drop(1, 2, 299);
    edits.flushEdits();
    expect(numbers(1)).toEqual([1, 300]);
    expect(refs()).toEqual([
      [1, 1],
      [299, 1],
      [300, 2],
    ]);
  });

  test('leaves other sessions alone', () => {
    insert(1, 1, [0, 0]);
    insert(2, 1, [0, 0]);
    edits.drop(1, 1, 2);
    edits.flushEdits();
    expect([numbers(1), numbers(2)]).toEqual([[], [1, 2]]);
  });

  test('deletes a shared body with its last entry only', () => {
    insert(1, 1, [7]);
    insert(2, 1, [7]);
    edits.drop(1, 1, 1);
    edits.flushEdits();
    expect(refs()).toEqual([[7, 1]]);
    edits.drop(2, 1, 1);
    edits.flushEdits();
    expect(refs()).toEqual([]);
  });

  test('counts a shared body once where the same run is deleted twice', () => {
    insert(1, 1, [7, 0]);
    insert(2, 1, [7]);
    edits.drop(1, 1, 1);
    edits.drop(1, 1, 1);
    edits.flushEdits();
    expect(refs()).toEqual([[7, 1]]);
  });
});

test('dropSession deletes the queue and releases its shared bodies', () => {
  insert(1, 1, [7, 8, 0]);
  insert(2, 1, [7]);
  edits.dropSession(1);
  expect([numbers(1), numbers(2)]).toEqual([[], [1]]);
  expect(refs()).toEqual([[7, 1]]);
});

describe('released', () => {
  test('is on disk after flushEdits, for the named entries only', () => {
    insert(1, 1, [0, 0, 0]);
    insert(1, 4, [0]);
    edits.released(1, 2);
    edits.released(1, 4);
    edits.released(1, 9);
    edits.flushEdits();
    expect(releasedIn(1)).toEqual([2, 4]);
  });

  test('is not on disk after discardEdits', () => {
    insert(1, 1, [0]);
    edits.released(1, 1);
    edits.discardEdits();
    edits.flushEdits();
    expect(releasedIn(1)).toEqual([]);
  });

  test('is undone by unreleased in more segments than one read takes, with what is not yet flushed', () => {
    for (let first = 1; first <= 150; first += 2) {
      insert(1, first, [0, 0]);
      edits.released(1, first);
    }
    insert(2, 1, [0]);
    edits.released(2, 1);
    edits.unreleased(1);
    edits.flushEdits();
    expect([releasedIn(1), releasedIn(2)]).toEqual([[], [1]]);
    expect(numbers(1)).toHaveLength(150);
  });
});

test('a change to another segment writes the one before', () => {
  insert(1, 1, [0, 0]);
  insert(1, 3, [0, 0]);
  edits.drop(1, 1, 1);
  edits.drop(1, 4, 4);
  edits.discardEdits();
  expect(numbers(1)).toEqual([2, 3, 4]);
});

test('dropBodiless deletes only entries whose shared body is lost', () => {
  insert(1, 1, [7, 0, 8]);
  expect(edits.dropBodiless(1, (shared) => shared !== 8)).toBe(1);
  expect(numbers(1)).toEqual([1, 2]);
  expect(refs()).toEqual([
    [7, 1],
    [8, 1],
  ]);
});

test('dropBodiless finds each lost body in more segments than are read as one', () => {
  for (let n = 0; n < 600; n++) insert(1, 1 + 2 * n, [2 * n + 1, 2 * n + 2]);
  insert(2, 1, [7, 8]);
  const lost = [1, 512, 513, 700, 1200];
  expect(edits.dropBodiless(1, (shared) => !lost.includes(shared))).toBe(5);
  expect(numbers(1)).toHaveLength(1195);
  expect(numbers(1).filter((seq) => lost.includes(seq))).toEqual([]);
  expect(numbers(2)).toEqual([1, 2]);
});

test('dropBodiless finds a lost body in a deflated segment', () => {
  insert(1, 1, [3]);
  const long = { flags: 2 | HAS_EXTRAS, at: 1000, extras: Buffer.alloc(600, 1) };
  const entry = (seq: number, shared: number) => ({
    ...{ ...long, seq, shared },
    ...{ length: 4, body: Buffer.alloc(0) },
  });
  table.insert(1, 4, encodeSegment([entry(4, 6), entry(5, 7)], 4), true);
  expect(db.prepare('SELECT form FROM segment WHERE first = 4').pluck().get()).toBe(3);
  for (const shared of [6, 7]) table.hold(shared, 1, Buffer.from('\0\x01tx'));
  expect(edits.dropBodiless(1, (shared) => shared !== 7)).toBe(1);
  expect(numbers(1)).toEqual([1, 4]);
});

test('dropBodiless finds a lost body behind a damaged segment', () => {
  insert(1, 1, [3]);
  insert(1, 2, [4, 5]);
  db.prepare('UPDATE segment SET body = ? WHERE first = 1').run(Buffer.from([255, 255]));
  expect(edits.dropBodiless(1, (shared) => shared !== 5)).toBe(1);
  expect(numbers(1)).toEqual([2]);
});
