import { describe, expect, test } from 'vitest';
import { referenceDatabase } from '../../../../src/store/database/migrations.ts';
import { RecentValues } from '../../../../src/store/database/recent-values.ts';
import { type Connection, openBytes } from '../../../../src/store/database/sqlite.ts';
import { RetainedSnapshot } from '../../../../src/store/recovery/retained-snapshot.ts';
import { createRandom } from '../../../support/random.ts';
import { retained } from '../../../support/recent.ts';

function setUp(pages?: number) {
  const db = referenceDatabase();
  if (pages) db.pragma(`max_page_count = ${pages}`);
  let values = new RecentValues(db);
  return {
    db,
    get values() {
      return values;
    },
    reopen() {
      values = new RecentValues(db);
    },
    commit(work: (values: RecentValues) => void) {
      db.transaction(() => {
        work(values);
        values.flush();
      })();
    },
  };
}

const slots = (db: Connection): number =>
  db.prepare('SELECT count(*) FROM recent').pluck().get() as number;
const rows = (db: Connection): string[] =>
  db.prepare('SELECT topic FROM retained ORDER BY topic').pluck().all() as string[];
/** What the next start finds, by topic. */
function stored(db: Connection): Map<string, string> {
  const snapshot = new RetainedSnapshot(openBytes(db.serialize()));
  const { count } = snapshot;
  const values = new Map<string, string>();
  for (let part = snapshot.take(3); part; part = snapshot.take(3)) {
    for (const { topic, payload } of part) {
      expect(values.has(topic)).toBe(false);
      values.set(topic, payload.toString('latin1'));
    }
  }
  expect(values.size).toBe(count);
  return values;
}

test('a value is a row first, and the next one is in a batch', () => {
  const { db, commit } = setUp();
  commit((values) => values.retain(retained('a', '1')));
  expect([rows(db), slots(db)]).toEqual([['a'], 0]);
  commit((values) => values.retain(retained('a', '2')));
  expect([rows(db), slots(db), stored(db).get('a')]).toEqual([['a'], 1, '2']);
});

test('values that change all the time fill the same slots', () => {
  const { db, commit } = setUp();
  for (let n = 0; n < 200; n++) {
    commit((values) => {
      for (let topic = 0; topic < 100; topic++)
        values.retain(retained(`t/${topic}`, `${n}.${topic}`));
    });
  }
  expect(slots(db)).toBeLessThanOrEqual(2);
  expect(stored(db).get('t/7')).toBe('199.7');
});

test('a slot that is written again changes one page', () => {
  const { db, commit } = setUp();
  for (let n = 0; n < 3; n++) commit((values) => values.retain(retained('a', `${n}`)));
  const before = db.serialize();
  commit((values) => values.retain(retained('a', 'other')));
  const after = db.serialize();
  expect(after.length).toBe(before.length);
  const changed = new Set<number>();
  for (let at = 0; at < after.length; at++) {
    // The first page has a counter of changes, which a database with a write-ahead log does not write.
    if (after[at] !== before[at] && at >= 4096) changed.add(Math.floor(at / 4096));
  }
  expect(changed.size).toBe(1);
});

test('a value that is deleted does not come back from an older batch', () => {
  const all = setUp();
  const { db, commit } = all;
  for (let n = 0; n < 2; n++) {
    commit((values) => {
      values.retain(retained('a', `${n}`));
      values.retain(retained('b', `${n}`));
    });
  }
  commit((values) => values.unretain('a'));
  all.reopen();
  expect([...stored(db)]).toEqual([['b', '1']]);
  commit((values) => values.retain(retained('a', 'new')));
  all.reopen();
  expect(stored(db).get('a')).toBe('new');
});

test('a value that is too large for a batch is a row, and later than what a batch has', () => {
  const { db, commit } = setUp();
  const large = 'x'.repeat(70_000);
  for (const payload of ['1', '2', large])
    commit((values) => values.retain(retained('a', payload)));
  expect(stored(db).get('a')).toBe(large);
  commit((values) => values.retain(retained('a', '4')));
  expect(stored(db).get('a')).toBe('4');
});

test('what was undone is not stored, and the next commit is right', () => {
  const { db, values, commit } = setUp();
  for (let n = 0; n < 2; n++) commit((into) => into.retain(retained('a', `${n}`)));
  db.exec('BEGIN');
  values.retain(retained('a', 'undone'));
  values.flush();
  db.exec('ROLLBACK');
  values.undone();
  expect(stored(db).get('a')).toBe('1');
  commit((into) => into.retain(retained('b', '2')));
  expect([...stored(db)].sort()).toEqual([
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('a value that has moved to its row is not replaced by an older one, of which the slot is free', () => {
  const all = setUp(512);
  const { db, commit } = all;
  const random = createRandom(1);
  const bytes = (length: number): Buffer =>
    Buffer.from(Array.from({ length }, () => random.between(0, 255)));
  const others = Array.from({ length: 12 }, (_, n) => `other/${n}`);
  const first = ['f/0', 'f/1', 'f/2', ...others, 't'];
  const last = ['h/0', 'h/1', 'h/2'];
  commit((values) => {
    for (const topic of [...first, ...last]) values.retain(retained(topic, 'row'));
  });
  // Each of the 16 slots has one value, that of t is in the last.
  for (const topic of first) commit((values) => values.retain(retained(topic, 'older')));
  // A batch of three slots: the slot of the older value is free.
  commit((values) => {
    values.retain(retained('t', 'latest'));
    for (const topic of ['f/0', 'f/1', 'f/2']) values.retain(retained(topic, bytes(3900)));
  });
  for (const topic of others) commit((values) => values.retain(retained(topic, 'later')));
  // Two slots are needed: those of the oldest batch, whose values move to their rows.
  commit((values) => {
    for (const topic of last) values.retain(retained(topic, bytes(2000)));
  });
  expect(String(db.prepare(`SELECT payload FROM retained WHERE topic = 't'`).pluck().get())).toBe(
    'latest',
  );
  expect(stored(db).get('t')).toBe('latest');
  all.reopen();
  commit((values) => values.retain(retained('other/0', 'last')));
  expect(stored(db).get('t')).toBe('latest');
});

test('a slot of which a byte has changed is not used', () => {
  const { db, commit } = setUp();
  for (let n = 0; n < 2; n++) commit((values) => values.retain(retained('a', `${n}`)));
  const body = db.prepare('SELECT body FROM recent').pluck().get() as Buffer;
  body[30]! ^= 1;
  db.prepare('UPDATE recent SET body = ?').run(body);
  expect([...stored(db)]).toEqual([['a', '0']]);
});

/** Any sequence of commits, rollbacks and restarts leaves what a map has in the end. */
describe.each([
  { of: 'many slots', pages: undefined, topics: 40 },
  { of: 'few slots', pages: 700, topics: 40 },
  { of: 'few slots, many topics', pages: 700, topics: 700 },
])('with $of', ({ pages, topics }) => {
  test.each([1, 2, 3])('random changes are stored (%i)', (seed) => {
    const random = createRandom(seed);
    const all = setUp(pages);
    const { db } = all;
    let expected = new Map<string, string>();
    for (let step = 0; step < 120; step++) {
      const next = new Map(expected);
      db.exec('BEGIN');
      for (let n = random.between(1, 12); n > 0; n--) {
        const topic = `t/${random.between(0, random.between(1, topics))}`;
        if (random.between(0, 9) === 0) {
          all.values.unretain(topic);
          next.delete(topic);
          continue;
        }
        const length = [3, 30, 300, 3000, 9000][random.between(0, 4)]!;
        const text = Array.from({ length }, () => String.fromCharCode(random.between(33, 250)));
        const payload = random.between(0, 1) ? `${step}.${n}` : text.join('');
        all.values.retain(retained(topic, Buffer.from(payload, 'latin1')));
        next.set(topic, payload);
      }
      all.values.flush();
      if (random.between(0, 9) === 0) {
        db.exec('ROLLBACK');
        all.values.undone();
      } else {
        db.exec('COMMIT');
        expected = next;
      }
      if (random.between(0, 19) === 0) all.reopen();
      if (step % 20 === 0) expect(stored(db)).toEqual(expected);
    }
    expect(stored(db)).toEqual(expected);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    if (pages) expect(slots(db)).toBeLessThanOrEqual(Math.max(16, Math.floor(pages / 32)));
  });
});
