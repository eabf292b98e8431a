import { expect, onTestFinished, test } from 'vitest';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate } from '../../../../src/store/database/migrations.ts';
import { NUMBER_BITS } from '../../../../src/store/database/segment-table.ts';
import { lostBetween } from '../../../../src/store/recovery/lost-numbers.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** The key of a row of `segment` whose first entry has this number. */
const key = (queue: number, number: number): bigint =>
  (BigInt(queue) << BigInt(NUMBER_BITS)) | BigInt(number);

/** A database that has these rows of queue, first and last number; gives what is lost in these gaps. */
function lost(
  rows: readonly [queue: number, first: number, last: number][],
  ...gaps: readonly { after?: bigint; last?: bigint }[]
): number {
  const db = openConnection(databaseFile(tempFolder()));
  onTestFinished(() => void db.close());
  migrate(db);
  db.exec(`CREATE TABLE numbered (id INTEGER PRIMARY KEY, session INT, first INT, span INT);
    DROP TABLE segment; ALTER TABLE numbered RENAME TO segment`);
  for (const [queue, first, last] of rows) {
    db.prepare('INSERT INTO segment VALUES (?, ?, ?, ?)').run(
      key(queue, first),
      queue,
      first,
      last - first,
    );
  }
  return lostBetween(db, 'segment', gaps as Parameters<typeof lostBetween>[2]);
}

test('what is missing between two rows of a queue', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [1, 31, 40],
  ];
  expect(lost(rows, { after: key(1, 1), last: key(1, 30) })).toBe(20);
});

test('numbers that were deleted outside of a gap are not lost', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [1, 15, 20],
    [1, 31, 40],
  ];
  expect(lost(rows, { after: key(1, 15), last: key(1, 30) })).toBe(10);
  expect(lost(rows)).toBe(0);
});

test('nothing is missing between rows that adjoin', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [1, 11, 20],
  ];
  expect(lost(rows, { after: key(1, 1), last: key(1, 11) })).toBe(0);
});

test('two queues are not one', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [2, 500, 510],
  ];
  expect(lost(rows, { after: key(1, 1), last: key(1, 400) })).toBe(0);
});

test('of a queue that begins in a gap, what was between the last key of the gap and the next row', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [2, 500, 510],
  ];
  expect(lost(rows, { after: key(1, 1), last: key(2, 480) })).toBe(20);
});

test('gaps that adjoin or overlap count once, in whichever order they are', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [1, 31, 40],
    [1, 51, 60],
  ];
  const first = { after: key(1, 1), last: key(1, 15) };
  const second = { after: key(1, 15), last: key(1, 30) };
  const within = { after: key(1, 5), last: key(1, 12) };
  const other = { after: key(1, 31), last: key(1, 45) };
  expect(lost(rows, second, first)).toBe(20);
  expect(lost(rows, first, within, second)).toBe(20);
  expect(lost(rows, other, second, first)).toBe(30);
});

test('a gap without ends is the whole table', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [1, 31, 40],
    [2, 5, 8],
    [2, 10, 10],
  ];
  expect(lost(rows, {})).toBe(21);
});

test('refused messages have numbers too', () => {
  const db = openConnection(databaseFile(tempFolder()));
  onTestFinished(() => void db.close());
  migrate(db);
  const columns = (db.pragma('table_info(dead_letter)') as { name: string }[]).map(
    ({ name }) => name,
  );
  expect(columns).toContain('id');
  const insert = db.prepare(
    'INSERT INTO dead_letter (id, uplink, at, reason, body) VALUES (?, ?, 0, ?, ?)',
  );
  const tree = { table: 'dead_letter', isIndex: false };
  for (const id of [1, 2, 6, 7]) insert.run(id, 'plant', 'r', Buffer.alloc(1));
  expect(lostBetween(db, 'dead_letter', [{ tree, after: 2n, last: 5n }])).toBe(3);
});

test('of the last page of a tree at least one is lost, where none of its rows is found', () => {
  const rows: [number, number, number][] = [
    [1, 1, 10],
    [1, 11, 20],
  ];
  expect(lost(rows, { after: key(1, 11) })).toBe(1);
  expect(lost(rows, { after: key(1, 1) })).toBe(0);
});

test('of a tree of one page nothing is known', () => {
  expect(lost([], {})).toBe(0);
});
