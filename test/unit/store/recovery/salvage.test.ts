import { expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import { encodeSegment, type SegmentEntry } from '../../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';
import { salvage } from '../../../../src/store/recovery/salvage.ts';

test('a session of an older version, found in a page whose tree is lost, has no owner yet', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec('DROP TABLE session');
  const found = salvage(from, to, () => [
    { rowid: 7, values: [null, 'older', 1000, 3] },
    { rowid: 8, values: [null, 'newer', 2000, 4, 'hmi'] },
    { rowid: 9, values: [null, 'of another table', 1] },
  ]);
  expect(found).toMatchObject({ sessions: 2, unreadable: 1 });
  expect(to.prepare('SELECT * FROM session ORDER BY key').all()).toEqual([
    { key: 7, client_id: 'older', seen: 1000, sent: 3, owner: '' },
    { key: 8, client_id: 'newer', seen: 2000, sent: 4, owner: 'hmi' },
  ]);
});

/** One segment of a session, each entry with the shared body of this number; 0 for a body of its own. */
function insert(db: Connection, session: number, bodies: readonly number[]): void {
  const table = new SegmentTable(db);
  const entries = bodies.map((shared, index): SegmentEntry => {
    const body = Buffer.from('\0\x01tpayload');
    if (shared > 0) table.hold(shared, 1, body);
    const own = shared > 0 ? Buffer.alloc(0) : body;
    return { seq: index + 1, flags: 1, at: 0, shared, length: body.length, body: own };
  });
  table.insert(session, 1, encodeSegment(entries, 1), false);
}

test('a sound database is copied whole, with the number of entries of each shared body', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`
    INSERT INTO session VALUES (1, 'a', 0, 0, ''), (2, 'b', 0, 0, '');
    INSERT INTO subscription VALUES (1, 'x/#', 1);
    INSERT INTO incoming VALUES (1, 5, 70);
    INSERT INTO retained VALUES ('r', 0, x'01', 'c');
    INSERT INTO will VALUES ('a', 'w', 1, 0, x'02');
    INSERT INTO state VALUES ('sum', 'total', '5');
    INSERT INTO meta VALUES ('boot', 3);`);
  insert(from, 1, [0, 7]);
  insert(from, 2, [7]);
  // As after a crash: more than there are.
  from.exec('UPDATE message SET refs = 9');
  from.exec(`INSERT INTO message VALUES (8, 1, x'000174')`);
  expect(salvage(from, to, () => [])).toEqual({
    sessions: 2,
    subscriptions: 1,
    queued: 3,
    retained: 1,
    wills: 1,
    unreadable: 0,
  });
  for (const table of [
    'session',
    'subscription',
    'incoming',
    'retained',
    'will',
    'state',
    'meta',
  ]) {
    const select = `SELECT * FROM ${table}`;
    expect(to.prepare(select).all()).toEqual(from.prepare(select).all());
  }
  expect([...new SegmentTable(to).entries(1)].map(({ seq }) => seq)).toEqual([1, 2]);
  expect(to.prepare('SELECT id, refs FROM message').raw().all()).toEqual([[7, 2]]);
});

test('rows of an unknown session and entries without their body are left out', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO session VALUES (1, 'a', 0, 0, '')`);
  from.exec(`INSERT INTO subscription VALUES (1, 'known', 1), (2, 'unknown', 1)`);
  from.exec('INSERT INTO incoming VALUES (1, 5, 70), (2, 6, 71)');
  insert(from, 1, [0, 7, 0]);
  insert(from, 2, [0]);
  from.exec('DELETE FROM message');
  const found = salvage(from, to, () => []);
  expect(found).toMatchObject({ sessions: 1, subscriptions: 1, queued: 2, unreadable: 1 });
  expect(to.prepare('SELECT filter FROM subscription').pluck().all()).toEqual(['known']);
  expect(to.prepare('SELECT packet_id FROM incoming').pluck().all()).toEqual([5]);
  expect(to.prepare('SELECT DISTINCT session FROM segment').pluck().all()).toEqual([1]);
});

test('a row that is found both in the tree and in a single page is copied once', () => {
  const [from, to] = [referenceDatabase(), referenceDatabase()];
  from.exec(`INSERT INTO session VALUES (1, 'a', 0, 0, ''), (2, '', 0, 0, '')`);
  const found = salvage(from, to, () => [{ rowid: 1, values: [null, 'a', 0, 0, ''] }]);
  expect(found).toMatchObject({ sessions: 1, unreadable: 1 });
});
