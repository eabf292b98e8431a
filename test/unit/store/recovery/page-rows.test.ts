import { describe, expect, onTestFinished, test } from 'vitest';
import { type Connection, openMemory } from '../../../../src/store/database/sqlite.ts';
import type { DatabasePages } from '../../../../src/store/recovery/database-pages.ts';
import { childrenOf, isOfTree, rowsOf } from '../../../../src/store/recovery/page-rows.ts';
import { pagesOf } from '../../../support/pages.ts';

function open(sql: string): Connection {
  const db = openMemory();
  onTestFinished(() => void db.close());
  db.exec(sql);
  return db;
}

/** The page of the root of a table. */
function rootOf(db: Connection, table: string): number {
  return db
    .prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?')
    .pluck()
    .get(table) as number;
}

/** All rows under a page, in the order of the tree. */
function allRows(pages: DatabasePages, page: number): unknown[][] {
  const children = childrenOf(pages.read(page)!, page).map((child) => child.page);
  const own = rowsOf(pages, page);
  expect(own.unreadable).toBe(0);
  return [
    ...own.rows.map(({ values }) => [...values]),
    ...children.flatMap((one) => allRows(pages, one)),
  ];
}

describe('values are those that SQLite has stored', () => {
  test('integers of each size, floats, texts, blobs and nulls', () => {
    const db = open('CREATE TABLE t (a, b)');
    const powers = [0, 1, 7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 52];
    const numbers = powers.flatMap((power) => [2 ** power - 1, -(2 ** power)]);
    const values = [
      ...numbers,
      0.1,
      -1e300,
      '',
      'text',
      'ä€😀',
      Buffer.alloc(0),
      Buffer.from([0, 255]),
      null,
    ];
    const insert = db.prepare('INSERT INTO t VALUES (?, 7)');
    for (const value of values) {
      insert.run(numbers.includes(value as number) ? BigInt(value as number) : value);
    }
    const { rows, unreadable } = rowsOf(pagesOf(db), rootOf(db, 't'));
    expect(rows.map((row) => row.values)).toEqual(values.map((value) => [value, 7]));
    expect(rows.map(({ rowid }) => rowid)).toEqual(values.map((_, n) => n + 1));
    expect([unreadable, rows.every(({ whole }) => whole)]).toEqual([0, true]);
  });

  test('text that is not UTF-8 stays bytes', () => {
    const db = open(`CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))`);
    const [row] = rowsOf(pagesOf(db), rootOf(db, 't')).rows;
    expect(row?.values).toEqual([Buffer.from([0xff, 0x41])]);
  });

  test('numbers of rows up to the largest that is exact', () => {
    const db = open('CREATE TABLE t (a)');
    const ids = [1, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 52];
    for (const id of ids) db.prepare('INSERT INTO t (rowid, a) VALUES (?, 1)').run(id);
    expect(rowsOf(pagesOf(db), rootOf(db, 't')).rows.map(({ rowid }) => rowid)).toEqual(ids);
  });
});

/** Lengths around those at which SQLite moves a part of a row to other pages, and of several such pages. */
const LENGTHS = [
  ...[400, 480, 485, 486, 487, 488, 489, 490, 495, 996, 1000, 1002, 1003, 1004, 1005],
  ...[4040, 4050, 4053, 4054, 4055, 4056, 4057, 4058, 4059, 4060, 4061, 4062, 4090, 4096, 4100],
  ...[5000, 8000, 8140, 8150, 8160, 8180, 8192, 8600, 12_000, 50_000],
];

test.each([
  ['a table', 'CREATE TABLE t (a BLOB)', 'a'],
  ['a table without numbers of rows', 'CREATE TABLE t (a BLOB PRIMARY KEY) WITHOUT ROWID', 'a'],
])('long rows of %s come back whole from their overflow pages', (_, sql, column) => {
  const db = open(`PRAGMA page_size = 4096; ${sql}`);
  const insert = db.prepare(`INSERT INTO t (${column}) VALUES (?)`);
  for (const length of LENGTHS) {
    insert.run(Buffer.alloc(length, length % 251).fill(1, length - 1));
  }
  const rows = allRows(pagesOf(db), rootOf(db, 't'));
  const lengths = rows.map(([value]) => (value as Buffer).length).toSorted((a, b) => a - b);
  expect(lengths).toEqual(LENGTHS);
  for (const [value] of rows as [Buffer][]) {
    const expected = Buffer.alloc(value.length, value.length % 251).fill(1, value.length - 1);
    expect(value.equals(expected)).toBe(true);
  }
});

describe('a damaged overflow page', () => {
  /** A row of 20,000 bytes; gives its pages after this damage of the second overflow page. */
  function damaged(damage: (page: Buffer, pages: number) => void) {
    const db = open('PRAGMA page_size = 4096; CREATE TABLE t (a, b BLOB)');
    db.prepare('INSERT INTO t VALUES (5, ?)').run(Buffer.alloc(20_000, 'x'));
    const root = rootOf(db, 't');
    const pages = pagesOf(db);
    const second = pages.read(root + 1)!.readUInt32BE(0);
    damage(pages.read(second)!, pages.count);
    return rowsOf(pages, root).rows[0];
  }

  test('that leads to a page beyond the end cuts the row off before it', () => {
    const row = damaged((page, count) => page.writeUInt32BE(count + 1, 0));
    expect([row?.whole, row?.values[0]]).toEqual([false, 5]);
    const rest = row?.values[1] as Buffer;
    expect(rest.length).toBeLessThan(20_000);
    expect(rest.length).toBeGreaterThan(4000);
    expect(rest.equals(Buffer.alloc(rest.length, 'x'))).toBe(true);
  });

  test.each([0, 1])('that leads to page %s cuts it off too', (next) => {
    const row = damaged((page) => page.writeUInt32BE(next, 0));
    expect(row?.whole).toBe(false);
  });

  test('that is sound leaves it whole', () => {
    expect(damaged(() => undefined)?.whole).toBe(true);
  });

  test('which is the last and leads on is not used', () => {
    const db = open('PRAGMA page_size = 4096; CREATE TABLE t (a BLOB)');
    db.prepare('INSERT INTO t VALUES (?)').run(Buffer.alloc(8000, 'x'));
    const root = rootOf(db, 't');
    const pages = pagesOf(db);
    pages.read(root + 1)!.writeUInt32BE(2, 0);
    expect(rowsOf(pages, root).rows[0]?.whole).toBe(false);
  });
});

describe('a page', () => {
  test('of a tree is recognised by its type', () => {
    const db = open('CREATE TABLE t (a); CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID');
    const pages = pagesOf(db);
    const is = (table: string, hasRowid: boolean): boolean =>
      isOfTree(pages.read(rootOf(db, table))!, rootOf(db, table), hasRowid);
    expect([is('t', true), is('t', false), is('w', true), is('w', false)]).toEqual([
      ...[true, false],
      ...[false, true],
    ]);
    // The first page begins with the header of the database.
    expect(isOfTree(pages.read(1)!, 1, true)).toBe(true);
    expect(rowsOf(pages, 1).rows.map(({ values }) => values[1])).toEqual(['t', 'w']);
  });

  test.each([
    ['a type that is none', (page: Buffer) => page.writeUInt8(7, 0)],
    ['more cells than there is room for', (page: Buffer) => page.writeUInt16BE(3000, 3)],
    ['a cell among the pointers', (page: Buffer) => page.writeUInt16BE(9, 8)],
    ['a cell beyond its end', (page: Buffer) => page.writeUInt16BE(4093, 8)],
  ])('with %s is none', (_, damage) => {
    const db = open('PRAGMA page_size = 4096; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
    const root = rootOf(db, 't');
    const pages = pagesOf(db, (page, number) => number === root && damage(page));
    expect(isOfTree(pages.read(root)!, root, true)).toBe(false);
    expect(rowsOf(pages, root)).toEqual({ rows: [], unreadable: 0 });
  });

  test('whose cell is no row has the others, and counts it', () => {
    const db = open('PRAGMA page_size = 4096; CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
    const root = rootOf(db, 't');
    const pages = pagesOf(db);
    const page = pages.read(root)!;
    // The length of the first record.
    page.writeUInt8(0x7f, page.readUInt16BE(8));
    const { rows, unreadable } = rowsOf(pages, root);
    expect([rows.map(({ values }) => values), unreadable]).toEqual([[[2]], 1]);
  });
});

test('the children of an interior page have the last number of each, the last one none', () => {
  const db = open('PRAGMA page_size = 512; CREATE TABLE t (a)');
  for (let n = 1; n <= 60; n++) db.prepare('INSERT INTO t VALUES (?)').run('x'.repeat(90));
  const pages = pagesOf(db);
  const root = rootOf(db, 't');
  const children = childrenOf(pages.read(root)!, root);
  expect(children.length).toBeGreaterThan(5);
  let first = 1;
  for (const { page, last } of children) {
    const ids = rowsOf(pages, page).rows.map(({ rowid }) => rowid!);
    expect(ids[0]).toBe(first);
    first = ids.at(-1)! + 1;
    if (page === children.at(-1)!.page) expect(last).toBeUndefined();
    else expect(last).toBe(BigInt(ids.at(-1)!));
    expect(childrenOf(pages.read(page)!, page)).toEqual([]);
  }
  expect(first).toBe(61);
});
