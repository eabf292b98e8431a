import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate, referenceDatabase } from '../../../../src/store/database/migrations.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';
import { FITTING_ROWS } from '../../../../src/store/recovery/fitting-rows.ts';
import { setAsideUnfitRows } from '../../../../src/store/recovery/unfit-rows.ts';
import { fillDatabase } from '../../../support/filled-database.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';
import { createRandom } from '../../../support/random.ts';
import { startStore } from '../../../support/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

function made(change: string): { file: string; db: Connection } {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  migrate(db);
  db.exec(`INSERT INTO session (key, client_id, seen, sent) VALUES (1, 'c', 5, 6)`);
  db.exec(change);
  return { file, db };
}

const asideOf = (file: string): string[] =>
  readdirSync(dirname(file)).filter((name) => name.includes('.unfit-'));

test('every table of this version has its condition, and what this version writes meets it', () => {
  const reference = referenceDatabase();
  const tables = reference
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
    .pluck()
    .all();
  expect(FITTING_ROWS.map(({ table }) => table).sort()).toEqual(tables);
  const file = fillDatabase(tempFolder(), createRandom(1));
  const db = openConnection(file);
  expect(setAsideUnfitRows(db, file, createQuietLog().log)).toBeUndefined();
  expect(asideOf(file)).toEqual([]);
  db.close();
});

const RETAINED = 'INSERT INTO retained (topic, qos, payload, expires) VALUES';
test.each([
  ['a retained message without a topic', `${RETAINED} (NULL, 0, x'00', 0)`],
  ['one with a wildcard', `${RETAINED} ('a/#', 0, x'00', 0)`],
  ['one with another QoS', `${RETAINED} ('a', 3, x'00', 0)`],
  ['one with text in place of bytes', `${RETAINED} ('a', 0, 'text', 0)`],
  ['one with a time before all times', `${RETAINED} ('a', 0, x'00', -1)`],
  ['a subscription of no session', `INSERT INTO subscription VALUES (2, 'a', 0, 0, 0)`],
  ['a packet identifier out of range', 'INSERT INTO incoming VALUES (1, 65536, 0)'],
  [
    'a message number that can not be counted on',
    `INSERT INTO message VALUES (9007199254740993, 1, x'000161')`,
  ],
  [
    'a session number out of range',
    `INSERT INTO session (key, client_id, seen, sent) VALUES (8388607, 'd', 0, 0)`,
  ],
  ['a will without a client', `INSERT INTO will VALUES (NULL, 'a', 0, 0, x'')`],
  [
    'a delayed will with a wrong delay',
    `INSERT INTO delayed_will VALUES ('c', 'a', 0, 0, x'', x'', -1, -5, 0)`,
  ],
  ['a refused message without a topic', `INSERT INTO dead_letter VALUES (1, 'p', 1, 'r', x'')`],
  ['a state that is no JSON', `INSERT INTO state VALUES ('o', 'k', '{')`],
  ['a count of starts that is no number', `INSERT INTO meta VALUES ('boot', 'many')`],
  [
    'a part of a queue with another number',
    `INSERT INTO segment VALUES (1, 1, 1, 0, 1, 1, 1, 0, x'00')`,
  ],
])('%s is kept in a file of this user, and is a trouble', async (_what, change) => {
  const { file, db } = made(change);
  const { log } = createQuietLog();
  expect(setAsideUnfitRows(db, file, log)?.rows).toBe(1);
  expect(setAsideUnfitRows(db, file, log)).toBeUndefined();
  db.close();
  const [name = ''] = asideOf(file);
  const kept = join(dirname(file), name);
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(kept, 'utf8'))).toMatchObject({ table: expect.any(String) });
  const { store } = await startStore(dirname(file));
  const sentence = new RegExp(
    `^1 rows of the database did not fit at the start of .* UTC and were set aside in ${name}: find out what is missing; "cellgate acknowledge" ends this trouble$`,
  );
  expect(store.troubles()).toEqual([expect.stringMatching(sentence)]);
  expect(await store.acknowledgeLoss()).toMatch(sentence);
  expect(store.troubles()).toEqual([]);
  await store.stop();
});

test('retained messages that do not fit are set aside when all others are in memory', async () => {
  const { file, db } = made(
    `${RETAINED} ('a', 1, x'00', 0), ('b/#', 1, x'00', 0), ('c', 1, x'00', 0), ('d', 9, x'00', 0);
     INSERT INTO retained (rowid, topic, qos, payload, expires) VALUES (-5, 'e', 1, x'00', 0)`,
  );
  db.close();
  const first = await startStore(dirname(file));
  expect(first.store.retained.take(1)).toHaveLength(1);
  await first.store.stop();
  expect(asideOf(file)).toEqual([]);
  const { store } = await startStore(dirname(file));
  const topics: string[] = [];
  for (let some = store.retained.take(1); some; some = store.retained.take(1)) {
    topics.push(...some.map(({ topic }) => topic));
    expect(store.troubles()).toEqual([]);
  }
  expect(topics).toEqual(['a', 'c']);
  const [name = '', ...more] = asideOf(file);
  expect(more).toEqual([]);
  expect(
    readFileSync(join(dirname(file), name), 'utf8')
      .trim()
      .split('\n'),
  ).toHaveLength(3);
  const trouble = [expect.stringMatching(/^3 rows of the database did not fit .* in .*\.unfit-/)];
  expect(store.troubles()).toEqual(trouble);
  await store.stop();
  const again = await startStore(dirname(file));
  expect([again.store.retained.count, again.store.troubles()]).toEqual([2, trouble]);
  await again.store.stop();
});

test('a session with a wrong time keeps its subscriptions and its queue', async () => {
  const { file, db } = made(
    `UPDATE session SET seen = 'never', sent = -1, expiry = 1e300, owner = x'00';
     INSERT INTO subscription VALUES (1, 'a', 1, 0, 0)`,
  );
  db.close();
  const { store } = await startStore(dirname(file));
  expect(store.recovered.sessions).toMatchObject([
    { clientId: 'c', seen: 0, sent: 0, expiry: 4_294_967_295, owner: '', subscriptions: [{}] },
  ]);
  await store.stop();
});

test('the line of a row has its numbers with all digits, and its bytes', () => {
  const { file, db } = made(`${RETAINED} ('a', 9223372036854775807, x'0102', 0)`);
  setAsideUnfitRows(db, file, createQuietLog().log);
  db.close();
  expect(JSON.parse(readFileSync(join(dirname(file), asideOf(file)[0]!), 'utf8'))).toEqual({
    table: 'retained',
    row: {
      ...{ topic: 'a', qos: '9223372036854775807', payload: { base64: 'AQI=' }, publisher: '' },
      ...{ properties: { base64: '' }, expires: 0 },
    },
  });
});

test('where the file can not be written, the rows stay and are not loaded', async () => {
  const { file, db } = made(`${RETAINED} ('a', 3, x'00', 0)`);
  const { log } = createQuietLog();
  const missing = join(dirname(file), 'missing', 'cellgate.db');
  expect(() => setAsideUnfitRows(db, missing, log)).toThrow('ENOENT');
  expect(db.prepare('SELECT count(*) FROM retained').pluck().get()).toBe(1);
  db.close();
  rmSync(join(dirname(file), 'missing'), { force: true });
});
