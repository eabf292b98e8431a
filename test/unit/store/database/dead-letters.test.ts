import { expect, test } from 'vitest';
import { DeadLetters } from '../../../../src/store/database/dead-letters.ts';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';

const MIB = 1024 * 1024;

function setUp() {
  const db = referenceDatabase();
  const letters = new DeadLetters(db);
  const rows = (): { uplink: string; at: number; bytes: number }[] =>
    db
      .prepare('SELECT uplink, at, length(body) AS bytes FROM dead_letter ORDER BY id')
      .all() as never;
  return { db, letters, rows };
}

test('the latest 10,000 refused messages are kept', () => {
  const { letters, rows } = setUp();
  for (let n = 0; n < 10_050; n++) letters.add('plant', n, 'no', Buffer.alloc(3));
  const kept = rows();
  expect([kept.length, kept[0]!.at, kept.at(-1)!.at]).toEqual([10_000, 50, 10_049]);
});

test('at most 64 MiB of them are kept, also of what an earlier run has stored', () => {
  const { db, letters, rows } = setUp();
  for (let n = 0; n < 10; n++) letters.add('plant', n, 'no', Buffer.alloc(20 * MIB));
  expect(rows().map(({ at }) => at)).toEqual([7, 8, 9]);
  const later = new DeadLetters(db);
  later.add('other', 10, 'no', Buffer.alloc(MIB));
  expect(rows().map(({ at }) => at)).toEqual([7, 8, 9, 10]);
  later.add('other', 11, 'no', Buffer.alloc(4 * MIB));
  expect(rows().map(({ at }) => at)).toEqual([8, 9, 10, 11]);
});

test('one that is larger than all may be is kept alone, until the next one', () => {
  const { letters, rows } = setUp();
  letters.add('plant', 0, 'no', Buffer.alloc(3));
  letters.add('plant', 1, 'no', Buffer.alloc(70 * MIB));
  expect(rows().map(({ at }) => at)).toEqual([1]);
  letters.add('plant', 2, 'no', Buffer.alloc(3));
  expect(rows().map(({ at }) => at)).toEqual([2]);
});

test('those of one uplink are deleted, and what was undone does not count', () => {
  const { db, letters, rows } = setUp();
  letters.add('plant', 0, 'no', Buffer.alloc(30 * MIB));
  letters.add('other', 1, 'no', Buffer.alloc(20 * MIB));
  letters.drop('plant');
  expect(rows().map(({ at }) => at)).toEqual([1]);
  db.exec('BEGIN');
  letters.add('plant', 2, 'no', Buffer.alloc(30 * MIB));
  db.exec('ROLLBACK');
  letters.undone();
  letters.add('plant', 3, 'no', Buffer.alloc(40 * MIB));
  expect(rows().map(({ at }) => at)).toEqual([1, 3]);
});

test('after 30 days they are deleted, when another one comes or when it is asked for', () => {
  const { letters, rows } = setUp();
  const DAY = 24 * 3_600_000;
  for (const day of [0, 1, 2]) letters.add('plant', day * DAY, 'no', Buffer.alloc(3));
  letters.expire(30 * DAY);
  expect(rows()).toHaveLength(3);
  letters.expire(30 * DAY + 1);
  expect(rows().map(({ at }) => at / DAY)).toEqual([1, 2]);
  letters.add('plant', 31 * DAY + 1, 'no', Buffer.alloc(3));
  expect(rows()).toHaveLength(2);
  letters.expire(100 * DAY);
  expect(rows()).toEqual([]);
  letters.expire(100 * DAY);
});
