import { expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import { removeOrphans } from '../../../../src/store/database/orphans.ts';
import { encodeSegment, type SegmentEntry } from '../../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';

function setUp() {
  const db = referenceDatabase();
  const table = new SegmentTable(db);
  const openSession = db.prepare(
    'INSERT INTO session (key, client_id, seen, sent) VALUES (?, ?, 0, 0)',
  );
  return {
    db,
    open: (key: number) => void openSession.run(key, `client ${key}`),
    /** One segment, each entry with the shared body of this number; 0 for a body of its own. */
    insert(session: number, bodies: readonly number[]) {
      const entries = bodies.map((shared, index): SegmentEntry => {
        const body = Buffer.from('\0\x01tpayload');
        if (shared > 0) table.hold(shared, 1, body);
        const own = shared > 0 ? Buffer.alloc(0) : body;
        return { seq: index + 1, flags: 1, at: 0, shared, length: body.length, body: own };
      });
      table.insert(session, 1, encodeSegment(entries, 1), false);
    },
    numbers: (session: number) => [...table.entries(session)].map(({ seq }) => seq),
    segments: () => db.prepare('SELECT session FROM segment ORDER BY id').pluck().all(),
    refs: () => db.prepare('SELECT id, refs FROM message ORDER BY id').raw().all(),
  };
}

test('a sound database is left as it is', () => {
  const { db, open, insert, numbers, refs } = setUp();
  open(1);
  insert(1, [0, 7]);
  expect(removeOrphans(db)).toBe(0);
  expect(numbers(1)).toEqual([1, 2]);
  expect(refs()).toEqual([[7, 1]]);
});

test('entries of no session are removed, with their hold on shared bodies', () => {
  const { db, open, insert, segments, refs } = setUp();
  open(1);
  insert(1, [7]);
  insert(2, [7, 0, 8]);
  expect(removeOrphans(db)).toBe(3);
  expect(segments()).toEqual([1]);
  expect(refs()).toEqual([[7, 1]]);
});

test('entries whose shared body is lost are removed, and a segment that becomes empty', () => {
  const { db, open, insert, numbers, segments } = setUp();
  open(1);
  open(2);
  insert(1, [0, 7, 0]);
  insert(2, [7]);
  db.exec('DELETE FROM message');
  expect(removeOrphans(db)).toBe(2);
  expect(numbers(1)).toEqual([1, 3]);
  expect(segments()).toEqual([1]);
});

test('each lost body is found among many, in whatever order the entries have them', () => {
  const { db, open, insert, numbers } = setUp();
  open(1);
  open(2);
  insert(1, [2, 3, 5, 8, 13, 21, 34]);
  insert(2, [34, 1, 13, 2, 8, 21, 3, 40]);
  db.exec('DELETE FROM message WHERE id IN (1, 3, 13, 40)');
  expect(removeOrphans(db)).toBe(6);
  expect([numbers(1), numbers(2)]).toEqual([
    [1, 3, 4, 6, 7],
    [1, 4, 5, 6],
  ]);
});
