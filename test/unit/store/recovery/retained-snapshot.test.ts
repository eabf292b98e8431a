import fc from 'fast-check';
import { expect, test } from 'vitest';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate } from '../../../../src/store/database/migrations.ts';
import { RecentValues } from '../../../../src/store/database/recent-values.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';
import { RetainedSnapshot } from '../../../../src/store/recovery/retained-snapshot.ts';
import { retained } from '../../../support/recent.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const LAST = '9007199254740993';

function made(): { file: string; db: Connection } {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  migrate(db);
  return { file, db };
}

/** Each commit writes these values; '' deletes. */
function write(db: Connection, commits: readonly (readonly (readonly [string, string])[])[]): void {
  const values = new RecentValues(db);
  for (const commit of commits) {
    db.transaction(() => {
      for (const [topic, payload] of commit) {
        if (payload === '') values.unretain(topic);
        else values.retain(retained(topic, payload));
      }
      values.flush();
    })();
  }
}

const change = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('', '1', '2'));
const commits = fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 });

test('all that was stored when it began, each once, whatever is committed meanwhile', () => {
  const part = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(commits, commits, part, (before, meanwhile, limit) => {
      const { file, db } = made();
      write(db, before);
      const expected = new Map<string, string>();
      for (const [topic, payload] of before.flat()) {
        if (payload === '') expected.delete(topic);
        else expected.set(topic, payload);
      }
      const snapshot = new RetainedSnapshot(openConnection(file));
      expect(snapshot.count).toBe(expected.size);
      const taken: [string, string][] = [];
      for (let rows = snapshot.take(limit); rows; rows = snapshot.take(limit)) {
        for (const { topic, payload } of rows) taken.push([topic, `${payload}`]);
        write(db, meanwhile);
        for (const topic of ['a', 'e']) {
          expect(snapshot.find(topic)?.payload.toString()).toBe(expected.get(topic));
        }
      }
      db.close();
      expect(snapshot.unfit).toBe(0);
      snapshot.close();
      expect(taken.toSorted()).toEqual([...expected].toSorted());
      expect(snapshot.find('a')).toBeUndefined();
    }),
    { numRuns: 40 },
  );
});

test('a topic whose latest value is in its row again does not end the values in batches', () => {
  const { file, db } = made();
  const large = 'x'.repeat(100_000);
  write(db, [
    [
      ['a', '1'],
      ['b', '1'],
    ],
    [
      ['a', '2'],
      ['b', '2'],
    ],
    [['a', large]],
  ]);
  for (const limit of [1, 5]) {
    const snapshot = new RetainedSnapshot(openConnection(file));
    const taken: string[] = [];
    for (let n = 0; n < 6; n++)
      taken.push(...(snapshot.take(limit) ?? []).map(({ topic }) => topic));
    expect(taken).toEqual(['b', 'a']);
  }
});

test('a row that does not fit is left out, and a row with a number that is not exact ends nothing', () => {
  const { db } = made();
  const insert = `INSERT INTO retained (rowid, topic, qos, payload) VALUES`;
  db.exec(
    `${insert} (1, 'a', 0, x'31'), (2, 'b', 7, x'31'), (${LAST}, 'c', 0, x'31'), (4, 'd', 0, x'31')`,
  );
  const snapshot = new RetainedSnapshot(db);
  expect(snapshot.take(10)?.map(({ topic }) => topic)).toEqual(['a', 'd']);
  expect([snapshot.unfit, snapshot.take(10), snapshot.unfit]).toEqual([0, undefined, 2]);
});

test('nothing is taken after it was closed', () => {
  const { db } = made();
  write(db, [[['a', '1']], [['b', '1']]]);
  const snapshot = new RetainedSnapshot(db);
  expect(snapshot.take(1)).toHaveLength(1);
  snapshot.close();
  expect(snapshot.take(1)).toBeUndefined();
});
