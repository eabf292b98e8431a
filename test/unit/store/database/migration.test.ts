import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NEVER } from '../../../../src/mqtt/properties.ts';
import { exportQueue, listQueues, purgeQueue } from '../../../../src/store/admin/queue-admin.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import {
  migrate,
  referenceDatabase,
  SCHEMA_VERSION,
} from '../../../../src/store/database/migrations.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import { recover } from '../../../../src/store/recovery/load-state.ts';
import { salvage } from '../../../../src/store/recovery/salvage.ts';
import { pagesOf } from '../../../support/pages.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const OLDER = readFileSync(new URL('../../../fixtures/database-3.sql', import.meta.url), 'utf8');

function open() {
  const db = openConnection(databaseFile(tempFolder()));
  db.exec(OLDER);
  return db;
}

/** Session 1 had 151 messages, of which 10 to 12 were acknowledged; its last is shared with session 2. */
const NUMBERS = Array.from({ length: 151 }, (_, n) => n + 1).filter((seq) => seq < 10 || seq > 12);
const textOf = (seq: number): string => `\0\x01t${seq === 151 ? 'shared' : `a${seq}`}`;

test('queues of version 3, a row an entry, are there as they were', () => {
  const db = open();
  migrate(db);
  expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION);
  const segments = new SegmentTable(db);
  const found = [...segments.entries(1)];
  expect(found.map(({ seq, body }) => [seq, body.toString('latin1')])).toEqual(
    NUMBERS.map((seq) => [seq, textOf(seq)]),
  );
  expect(found.map(({ at }) => at)).toEqual(NUMBERS.map((seq) => 1_700_000_000_000 + seq));
  expect(found.slice(0, 5).map(({ flags }) => flags)).toEqual([1 | 8, 1 | 8, 2 | 8 | 16, 1 | 8, 1]);
  const [shared] = segments.entries(2);
  expect([shared?.flags, shared?.body.toString('latin1')]).toEqual([1 | 4, '\0\x01tshared']);
  expect(db.prepare('SELECT refs FROM message').pluck().all()).toEqual([2]);
  expect(db.prepare(`SELECT name FROM sqlite_schema WHERE name = 'queue'`).all()).toEqual([]);
  db.close();
});

test('a session whose number is too high for the new form has another, with all that is its own', () => {
  const db = open();
  migrate(db);
  const { sessions, nextSessionKey } = recover(db);
  expect(sessions).toMatchObject([
    { key: 1, clientId: 'a', sent: 4, queue: { first: 1, last: 151, count: 148 } },
    { key: 2, clientId: 'b', queue: { first: 1, last: 1, count: 1, bytes: 9 } },
    {
      key: 3,
      clientId: '\0uplink/plant/0/normal',
      subscriptions: [{ filter: 'z', qos: 1 }],
      incoming: [{ packetId: 7, digest: 0 }],
      queue: { count: 1 },
    },
  ]);
  expect(nextSessionKey).toBe(4);
  db.close();
});

test('from a damaged database of version 3 the queues are recovered too', () => {
  const from = open();
  const to = referenceDatabase();
  // Sessions beyond the bound have no place in the new form.
  from.exec('DELETE FROM session WHERE key > 100');
  expect(salvage(pagesOf(from), to)).toMatchObject({ sessions: 2, queued: 149, unreadable: 0 });
  const segments = new SegmentTable(to);
  expect([...segments.entries(1)].map(({ seq }) => seq)).toEqual(NUMBERS);
  expect(to.prepare('SELECT refs FROM message').pluck().all()).toEqual([2]);
  from.close();
  to.close();
});

test('queue list and export say what to do with data of version 3, purge brings it up to date', () => {
  const folder = tempFolder();
  const db = openConnection(databaseFile(folder));
  db.exec(OLDER);
  db.close();
  const sentence = 'is of an older cellgate: start the gateway once';
  expect(() => listQueues(folder)).toThrow(sentence);
  expect(() => [...exportQueue(folder)]).toThrow(sentence);
  expect(purgeQueue(folder, 'a')).toBe(148);
  expect(listQueues(folder).map(({ session, messages }) => [session, messages])).toEqual([
    ['a', 0],
    ['b', 1],
    ['uplink/plant', 1],
  ]);
});

test('a database that may hardly grow any more is brought up to date all the same', () => {
  const db = open();
  const bodyOf = (): Buffer => Buffer.concat([Buffer.from('\0\x01t'), randomBytes(1000)]);
  const insert = db.prepare('INSERT INTO queue VALUES (2, ?, 1, 1000, ?, NULL, ?)');
  db.transaction(() => {
    for (let seq = 1001; seq <= 6000; seq++) insert.run(seq, 1003, bodyOf());
  })();
  const pages = db.pragma('page_count', { simple: true }) as number;
  db.pragma(`max_page_count = ${pages + pages / 4}`);
  migrate(db);
  expect(new SegmentTable(db).count(2)).toBe(5001);
  db.close();
});

test('from a damaged database of version 4 the identifiers of unfinished messages are recovered', () => {
  const from = openConnection(databaseFile(tempFolder()));
  from.exec(readFileSync(new URL('../../../fixtures/database-4.sql', import.meta.url), 'utf8'));
  const to = referenceDatabase();
  expect(salvage(pagesOf(from), to)).toMatchObject({ sessions: 7, unreadable: 0, lost: 0 });
  expect(to.prepare('SELECT * FROM incoming').raw().all()).toEqual([[6, 7, 0]]);
  const all = 'SELECT key, client_id, seen, sent, owner FROM session ORDER BY key';
  expect(to.prepare(all).all()).toEqual(from.prepare(all).all());
  expect(to.prepare('SELECT DISTINCT expiry FROM session').pluck().all()).toEqual([NEVER]);
  from.close();
  to.close();
});

test('a new database has all of its tables after one commit', () => {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  migrate(db);
  const log = readFileSync(`${file}-wal`);
  const page = log.readUInt32BE(8);
  // The last frame of a commit has the size of the database after it [sqlite.org/fileformat2.html, section 4.1].
  let commits = 0;
  for (let at = 32; at < log.length; at += 24 + page) if (log.readUInt32BE(at + 4) > 0) commits++;
  expect(commits).toBe(1);
  db.close();
});
