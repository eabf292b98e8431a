import { describe, expect, onTestFinished, test } from 'vitest';
import { type Connection, openBytes, openMemory } from '../../../../src/store/database/sqlite.ts';
import {
  hasTable,
  readTable,
  rowOf,
  segmentsOf,
} from '../../../../src/store/recovery/damaged-table-reader.ts';
import {
  META,
  RETAINED,
  type SalvageTable,
  SEGMENT,
  SESSION,
} from '../../../../src/store/recovery/salvage-tables.ts';

const PAGE = 4096;
const ROWS = 400;
const ALL = Array.from({ length: ROWS }, (_, n) => `topic ${n + 1}`);
const missingIn = (found: ReadonlySet<unknown>): Set<unknown> =>
  new Set(ALL.filter((topic) => !found.has(topic)));

/** Types of leaf pages. Interior pages are left: unused space in them has words of former rows. */
const LEAVES: readonly unknown[] = [0x0d, 0x0a];

/** Topics of the rows in the pages that are garbage. */
const lost = new Set<unknown>();

/** A database of `fill` whose leaf pages that contain one of the words are garbage. */
function damaged(fill: (db: Connection) => void, words: readonly string[]): Connection {
  const db = openMemory();
  fill(db);
  const bytes = db.serialize();
  lost.clear();
  db.close();
  for (let start = PAGE; start < bytes.length; start += PAGE) {
    const page = bytes.subarray(start, start + PAGE);
    if (!LEAVES.includes(page[0]) || !words.some((word) => page.includes(word))) continue;
    for (const [, number] of page.toString('latin1').matchAll(/row (\d+),/g))
      lost.add(`topic ${number}`);
    page.fill(0xff);
  }
  const opened = openBytes(bytes);
  onTestFinished(() => void opened.close());
  return opened;
}

/** The numbers of the rows that can be read, and how many damaged places there are. */
function readNumbers(db: Connection, table: SalvageTable, column: string) {
  let places = 0;
  const numbers = new Set<unknown>();
  for (const row of readTable(db, table, () => places++)) numbers.add(row[column]);
  return { numbers, places };
}

/** Rows of some 200 bytes, each with the word `row <number>,`. */
const fillRetained = (db: Connection): void => {
  db.exec('CREATE TABLE retained (topic TEXT PRIMARY KEY, qos INTEGER, payload BLOB)');
  const insert = db.prepare('INSERT INTO retained VALUES (?, 0, ?)');
  for (let n = 1; n <= ROWS; n++) {
    insert.run(`topic ${n}`, Buffer.from(`row ${n},${'x'.repeat(200)}`));
  }
};

/** Rows of some 100 bytes, each with the word `<number> xxx`. */
const fillMeta = (db: Connection): void => {
  db.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID');
  const insert = db.prepare('INSERT INTO meta VALUES (?, ?)');
  for (let n = 1; n <= ROWS; n++) insert.run(`${String(n).padStart(3, '0')} ${'x'.repeat(100)}`, n);
};

test('a sound table is read as it is', () => {
  const db = damaged(fillRetained, []);
  const { numbers, places } = readNumbers(db, RETAINED, 'topic');
  expect([numbers.size, places]).toEqual([ROWS, 0]);
});

describe('a table with a key', () => {
  test('has all rows but those of the damaged page', () => {
    const db = damaged(fillRetained, ['row 200,']);
    const { numbers, places } = readNumbers(db, RETAINED, 'topic');
    expect(places).toBe(1);
    expect(lost.has('topic 200')).toBe(true);
    expect(missingIn(numbers)).toEqual(lost);
  });

  test('counts each damaged place, the first and the last page too', () => {
    const db = damaged(fillRetained, ['row 1,', 'row 200,', `row ${ROWS},`]);
    const { numbers, places } = readNumbers(db, RETAINED, 'topic');
    expect(places).toBe(3);
    expect(missingIn(numbers)).toEqual(lost);
  });
});

test('a table without a key is read from both ends', () => {
  const db = damaged(fillMeta, ['200 xxx']);
  const { numbers, places } = readNumbers(db, META, 'value');
  expect(places).toBe(1);
  expect(numbers.has(1) && numbers.has(ROWS)).toBe(true);
  expect(numbers.has(200)).toBe(false);
  // The page, and one whose unused space has the word of a former row.
  expect(numbers.size).toBeGreaterThan(ROWS - 80);
});

test('a table that is missing is one unreadable place', () => {
  const db = damaged(fillMeta, []);
  expect(hasTable(db, META)).toBe(true);
  expect(hasTable(db, RETAINED)).toBe(false);
  expect(readNumbers(db, RETAINED, 'topic')).toEqual({ numbers: new Set(), places: 1 });
});

test('the segments of a session are read without those of its neighbours', () => {
  const db = damaged((to) => {
    to.exec(`CREATE TABLE segment (id INTEGER PRIMARY KEY, session INTEGER, first INTEGER,
      span INTEGER, count INTEGER, bytes INTEGER, at INTEGER, form INTEGER, body BLOB)`);
    const insert = to.prepare(
      'INSERT INTO segment VALUES (? * 1099511627776 + ?, ?, ?, 0, 1, 1, 0, 0, ?)',
    );
    for (const session of [8_000_000, 8_000_001, 8_000_002]) {
      for (const first of [0, 5, 2 ** 40 - 1]) {
        insert.run(BigInt(session), BigInt(first), session, first, Buffer.alloc(1));
      }
    }
  }, []);
  const rows = [...readTable(db, SEGMENT, () => undefined, segmentsOf(8_000_001))];
  expect(rows.map(({ session, first }) => [session, first])).toEqual([
    [8_000_001, 0],
    [8_000_001, 5],
    [8_000_001, 2 ** 40 - 1],
  ]);
});

describe('a row of a single page', () => {
  test('has its rowid as its key, and the defaults of columns that it lacks', () => {
    expect(rowOf(SESSION, { rowid: 7, values: [null, 'client', 1000, 3] })).toEqual({
      key: 7,
      client_id: 'client',
      seen: 1000,
      sent: 3,
      owner: '',
    });
  });

  test.each([
    ['with too few values', { rowid: 7, values: [null, 'client', 1000] }],
    ['with too many values', { rowid: 7, values: [null, 'client', 1000, 3, 'hmi', 1] }],
    ['without a rowid', { rowid: undefined, values: [null, 'client', 1000, 3, 'hmi'] }],
  ])('%s is none of the table', (_name, raw) => {
    expect(rowOf(SESSION, raw)).toBeUndefined();
  });
});
