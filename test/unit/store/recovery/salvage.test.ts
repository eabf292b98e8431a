import { describe, expect, test } from 'vitest';
import { NEVER } from '../../../../src/mqtt/properties.ts';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import { encodeSegment, type SegmentEntry } from '../../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';
import { salvage } from '../../../../src/store/recovery/salvage.ts';
import { rowOf, SALVAGE_TABLES } from '../../../../src/store/recovery/salvage-tables.ts';
import { pagesOf } from '../../../support/pages.ts';
import { recentRows, writeRecent } from '../../../support/recent.ts';

/** One segment of a session, each entry with the shared body of this number; 0 for a body of its own. */
function insert(db: Connection, session: number, bodies: readonly number[], first = 1): void {
  const table = new SegmentTable(db);
  const entries = bodies.map((shared, index): SegmentEntry => {
    const body = Buffer.from('\0\x01tpayload');
    if (shared > 0) table.hold(shared, 1, body);
    const own = shared > 0 ? Buffer.alloc(0) : body;
    return { seq: first + index, flags: 1, at: 0, shared, length: body.length, body: own };
  });
  table.insert(session, first, encodeSegment(entries, first), false);
}

/** The tables of the present version. */
const CURRENT = SALVAGE_TABLES.filter(({ name }) => name !== 'queue');

describe('what salvage knows', () => {
  const reference = referenceDatabase();
  const tables = reference
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .pluck()
    .all() as string[];

  test('is every table of the database', () => {
    expect(CURRENT.map(({ name }) => name).sort()).toEqual(tables.sort());
  });

  test.each(CURRENT)('is every column of $name, in order', ({ name, columns, rowid, key }) => {
    const info = reference.pragma(`table_info(${name})`) as { name: string }[];
    expect(columns).toEqual(info.map((column) => column.name));
    const [list] = reference.pragma(`table_list(${name})`) as { wr: number }[];
    expect(rowid).toBe(list?.wr === 0);
    if (key !== undefined) expect(columns).toContain(key);
  });

  test('is which table a row is of, by its values alone', () => {
    const body = Buffer.from('\0\x01tpayload');
    const segment = encodeSegment([{ seq: 1, flags: 1, at: 0, shared: 0, length: 10, body }], 1);
    const rows: Record<string, unknown[]> = {
      meta: ['boot', 3],
      session: [null, '\0uplink/a/0/normal', 5, 6, '', 60],
      subscription: [1, 'a/#', 1, 8, 300],
      message: [null, 1, body],
      segment: [null, 1, 1, 0, 1, 10, 0, 0, Buffer.from(segment.body)],
      queue: [1, 1, 1, 0, 10, null, body],
      incoming: [1, 7, -5],
      retained: ['a', 1, body, 'c', body, 5000],
      recent: [null, recentRows(['t'])[0]!],
      will: ['a', 'b', 1, 0, body],
      delayed_will: ['a', 'b', 1, 0, body, body, -1, 30, 0],
      dead_letter: [null, 'plant', 1, 'refused', body],
      state: ['sensor', 'key', '5'],
    };
    for (const { name, rowid } of SALVAGE_TABLES) {
      const raw = { rowid: rowid ? 1 : undefined, values: rows[name]!, whole: true };
      const fitting = SALVAGE_TABLES.filter((table) => rowOf(table, raw));
      expect(fitting.map((table) => table.name)).toEqual([name]);
    }
  });
});

test('a sound database is copied whole, with the number of entries of each shared body', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`
    INSERT INTO session VALUES (1, 'a', 0, 0, '', 60),
      (2, char(0) || 'uplink/p/0/normal', 0, 0, '', 4294967295);
    INSERT INTO subscription VALUES (1, 'x/#', 1, 8, 300);
    INSERT INTO incoming VALUES (1, 5, 70);
    INSERT INTO retained VALUES ('r', 0, x'01', 'c', x'020101', 5000);
    INSERT INTO will VALUES ('a', 'w', 1, 0, x'02');
    INSERT INTO dead_letter VALUES (9, 'p', 5, 'too large', x'00017461');
    INSERT INTO delayed_will VALUES ('b', 'w', 1, 0, x'02', x'020101', -1, 30, 7000);
    INSERT INTO state VALUES ('sum', 'total', '5');
    INSERT INTO meta VALUES ('boot', 3);`);
  insert(from, 1, [0, 7]);
  insert(from, 2, [7]);
  // As after a crash: more than there are.
  from.exec('UPDATE message SET refs = 9');
  from.exec(`INSERT INTO message VALUES (8, 1, x'000174')`);
  expect(salvage(pagesOf(from), to)).toEqual({
    sessions: 2,
    subscriptions: 1,
    incoming: 1,
    queued: 3,
    retained: 1,
    wills: 2,
    refused: 1,
    states: 1,
    unreadable: 0,
    lost: 0,
  });
  for (const { name } of CURRENT.filter((table) => !['segment', 'message'].includes(table.name))) {
    const select = `SELECT * FROM ${name}`;
    expect(to.prepare(select).all()).toEqual(from.prepare(select).all());
  }
  expect([...new SegmentTable(to).entries(1)].map(({ seq }) => seq)).toEqual([1, 2]);
  expect(to.prepare('SELECT id, refs FROM message').raw().all()).toEqual([[7, 2]]);
});

test('rows of an unknown session and entries without their body are left out', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO session VALUES (1, 'a', 0, 0, '', 60)`);
  from.exec(`INSERT INTO subscription VALUES (1, 'known', 1, 0, 0), (2, 'unknown', 1, 0, 0)`);
  from.exec('INSERT INTO incoming VALUES (1, 5, 70), (2, 6, 71)');
  insert(from, 1, [0, 7, 0]);
  insert(from, 2, [0]);
  from.exec('DELETE FROM message');
  const found = salvage(pagesOf(from), to);
  expect(found).toMatchObject({ sessions: 1, subscriptions: 1, queued: 2, unreadable: 1, lost: 1 });
  expect(to.prepare('SELECT filter FROM subscription').pluck().all()).toEqual(['known']);
  expect(to.prepare('SELECT packet_id FROM incoming').pluck().all()).toEqual([5]);
  expect(to.prepare('SELECT DISTINCT session FROM segment').pluck().all()).toEqual([1]);
});

test('a session whose row is lost keeps its queue: its name is in the index, and its messages count as sent', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(
    `INSERT INTO session VALUES (1, 'a', 50, 1, 'hmi', 60), (2, char(0) || 'uplink/p/0/x', 50, 0, '', 9)`,
  );
  insert(from, 1, [0, 0]);
  insert(from, 2, [0, 0, 0]);
  const root = from
    .prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'session'`)
    .pluck()
    .get();
  const pages = pagesOf(from, (page, number) => {
    if (number === root) page.fill(0xff);
  });
  expect(salvage(pages, to)).toMatchObject({ sessions: 2, queued: 5, unreadable: 1, lost: 0 });
  expect(to.prepare('SELECT * FROM session').raw().all()).toEqual([
    [1, 'a', 0, 2, '', NEVER],
    [2, '\0uplink/p/0/x', 0, 3, '', NEVER],
  ]);
});

test('what a row that ends between two entries has lost is counted', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO session VALUES (1, 'a', 0, 0, '', 60)`);
  insert(from, 1, [0, 0, 0]);
  insert(from, 1, [0, 0], 11);
  const shorter = from.prepare('SELECT body FROM segment WHERE first = 11').pluck().get();
  from.prepare('UPDATE segment SET body = ? WHERE first = 1').run(shorter);
  expect(salvage(pagesOf(from), to)).toMatchObject({ queued: 4, unreadable: 1, lost: 1 });
});

test('a retained message whose row is lost is not lost where its value is in a batch', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO retained VALUES ('only in a row', 0, x'01', 'c', x'', 0)`);
  writeRecent(from, ['in a batch']);
  const root = from
    .prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'retained'`)
    .pluck()
    .get();
  const pages = pagesOf(from, (page, number) => {
    if (number === root) page.fill(0xff);
  });
  expect(salvage(pages, to)).toMatchObject({ retained: 1, unreadable: 1, lost: 1 });
});

test('deleted rows stay deleted although the first page, and with it the list of free pages, is lost', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO session VALUES (1, 'a', 0, 0, '', 60)`);
  for (let first = 1; first <= 6000; first += 60) insert(from, 1, Array(60).fill(0), first);
  from.exec('DELETE FROM segment WHERE first <= 4800');
  const pages = pagesOf(from, (page, number) => {
    if (number === 1) page.fill(0xff);
  });
  expect(salvage(pages, to)).toMatchObject({ sessions: 1, queued: 1200, unreadable: 0 });
  expect([...new SegmentTable(to).entries(1)].map(({ seq }) => seq)).toEqual(
    Array.from({ length: 1200 }, (_, n) => 4801 + n),
  );
});

test('open QoS 2 identifiers and the state of filters are found without the tree above them', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO session VALUES (1, 'a', 0, 0, '', 60)`);
  const incoming = from.prepare('INSERT INTO incoming VALUES (1, ?, ?)');
  for (let id = 1; id <= 2000; id++) incoming.run(id, id - 1000);
  const state = from.prepare('INSERT INTO state VALUES (?, ?, ?)');
  for (let n = 1; n <= 500; n++) state.run(`sensor ${n}`, 'total', JSON.stringify('x'.repeat(50)));
  const rootOf = (name: string): unknown =>
    from.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name);
  const roots = [rootOf('incoming'), rootOf('state')];
  let inRoots = 0;
  const pages = pagesOf(from, (page, number) => {
    if (!roots.includes(number)) return;
    // The root of a tree without rowids has rows itself.
    inRoots += page.readUInt16BE(3);
    page.fill(0xff);
  });
  const found = salvage(pages, to);
  expect(inRoots).toBeGreaterThan(0);
  expect(found.incoming + found.states).toBe(2500 - inRoots);
  expect(found.unreadable).toBe(2);
  const same = to.prepare('SELECT count(*) FROM incoming WHERE digest = packet_id - 1000').pluck();
  expect(same.get()).toBe(found.incoming);
});

test('text that is not UTF-8 is no row, the replacement character itself is text', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(
    `INSERT INTO retained VALUES ('a' || char(65533), 0, x'01', '', x'', 0), (CAST(x'61ff' AS TEXT), 0, x'02', '', x'', 0)`,
  );
  expect(salvage(pagesOf(from), to)).toMatchObject({ retained: 1, unreadable: 1 });
  expect(to.prepare('SELECT topic FROM retained').pluck().all()).toEqual(['a\ufffd']);
});

test('a session of an older version, in a page whose tree is lost, has no owner yet', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`
    DROP TABLE session;
    CREATE TABLE session (
      key INTEGER PRIMARY KEY, client_id TEXT NOT NULL, seen INTEGER NOT NULL, sent INTEGER NOT NULL);
    INSERT INTO session VALUES (7, 'older', 1000, 3)`);
  const pages = pagesOf(from, (page, number) => {
    if (number === 1) page.fill(0xff);
  });
  expect(salvage(pages, to)).toMatchObject({ sessions: 1 });
  expect(to.prepare('SELECT * FROM session').raw().all()).toEqual([
    [7, 'older', 1000, 3, '', NEVER],
  ]);
});
