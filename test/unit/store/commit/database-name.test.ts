import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { NEVER } from '../../../../src/mqtt/properties.ts';
import { DatabaseName } from '../../../../src/store/commit/database-name.ts';
import { databaseFile, lockFolder } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import { openReadOnly } from '../../../../src/store/database/sqlite.ts';
import {
  errorCode,
  isNameLost,
  isTransient,
  LOG_MISSING,
} from '../../../../src/store/database/sqlite-errors.ts';
import type { Store } from '../../../../src/store/store.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { retainedOf, startStore } from '../../../support/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { until } from '../../../support/until.ts';

let running: Store | undefined;
afterEach(async () => {
  await running?.stop().catch(() => undefined);
  running = undefined;
});

/** A running store with a session, and a publisher whose messages are numbered. */
async function start({ isRead = true } = {}) {
  const folder = tempFolder();
  const { store, lines } = await startStore(folder);
  running = store;
  if (isRead) retainedOf(store);
  const owner = new FakeOwner(1);
  store.journal.add(['openSession', 1, 'client', 0, NEVER]);
  let last = 0;
  const acknowledged: number[] = [];
  /** Hands a message to the store; it is acknowledged when it is on disk. */
  const publish = (): void => {
    const number = ++last;
    const entry = owner.entry(message(String(number), () => acknowledged.push(number)));
    store.journal.enqueue(entry, false);
    entry.message.pendingAck?.done();
  };
  publish();
  await until('the first message is on disk', () => acknowledged.length === 1);
  const file = databaseFile(folder);
  return { folder, file, store, lines, acknowledged, publish };
}

/** The numbers of the messages in a database. */
function messagesIn(file: string): number[] {
  const db = openReadOnly(file);
  const bodies = [...new SegmentTable(db).entries(1)].map(({ body }) => body.toString('latin1', 3));
  db.close();
  return bodies.map(Number);
}

const removeAll = (file: string): void => {
  for (const part of ['', '-wal', '-shm']) rmSync(file + part, { force: true });
};
const keptIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => /\.kept-\d+T\d+Z$/.test(name));

test.each([
  ['deleted', (file: string) => rmSync(file)],
  ['deleted with its log', removeAll],
  ['moved away', (file: string) => renameSync(file, `${file}.away`)],
  ['deleted with its folder', (file: string) => rmSync(join(file, '..'), { recursive: true })],
])(
  'a database that is %s is written again, with all that was acknowledged',
  async (_name, remove) => {
    const { folder, file, store, lines, acknowledged, publish } = await start();
    remove(file);
    await until('the loss of the name is seen', () => {
      publish();
      return store.troubles().length > 0 || lines.some((line) => line.includes('was deleted'));
    });
    await until('commits go on', () => store.troubles().length === 0);
    publish();
    await until(
      'the last message is acknowledged',
      () => acknowledged.length === acknowledged.at(-1) && !store.journal.waiting,
    );
    const told = lines.filter((line) =>
      line.includes(`${file} was deleted while the gateway runs`),
    );
    expect(told).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(messagesIn(file)).toEqual(expect.arrayContaining(acknowledged));
    expect(keptIn(folder)).toEqual([]);
    // Nobody else may use the folder, although the lock may have been deleted too.
    expect(() => lockFolder(folder)).toThrow('is in use by another cellgate');
  },
);

async function anotherDatabase(): Promise<string> {
  const folder = tempFolder();
  const { store } = await startStore(folder);
  await store.stop();
  return databaseFile(folder);
}

test('a database that is replaced stops acknowledgements, and what it had is kept beside it', async () => {
  const { folder, file, store, lines, acknowledged, publish } = await start();
  renameSync(await anotherDatabase(), file);
  await until('it is told', () => {
    publish();
    return store.troubles().length > 0;
  });
  await until('it is kept', () => keptIn(folder).length > 0);
  const [kept] = keptIn(folder);
  expect(store.troubles()[0]).toBe(
    `${file} was replaced while the gateway runs, all that was acknowledged is in ${join(folder, kept!)}: stop the gateway, give the file to be used the name, and start it; QoS 1 and 2 messages are not acknowledged until then`,
  );
  expect(lines.filter((line) => line.includes('was replaced'))).toHaveLength(1);
  const before = acknowledged.length;
  expect(messagesIn(join(folder, kept!))).toEqual(acknowledged);
  // The operator takes the other file away: what is kept gets its name back.
  removeAll(file);
  await until('commits go on', () => store.troubles().length === 0);
  publish();
  await until('all is acknowledged', () => acknowledged.length > before && !store.journal.waiting);
  expect(messagesIn(file)).toEqual(expect.arrayContaining(acknowledged));
});

test('a database that is replaced just before the stop is kept, and the stop says so', async () => {
  // A commit looks once a second: the test needs one that does not.
  for (let attempt = 1; ; attempt++) {
    const other = await anotherDatabase();
    const { folder, file, store, acknowledged, publish } = await start();
    renameSync(other, file);
    publish();
    const isSeen = (): boolean => store.troubles().length > 0;
    await until('it is acknowledged or seen', () => acknowledged.length === 2 || isSeen());
    running = undefined;
    const stopped = expect(store.stop()).rejects;
    await stopped.toThrow(`${file} was replaced while the gateway runs`);
    if (acknowledged.length < 2 && attempt < 10) continue;
    expect(messagesIn(join(folder, keptIn(folder)[0]!))).toEqual([1, 2]);
    return;
  }
});

test('a log that is deleted is moved into the database, and commits go on', async () => {
  const { file, store, acknowledged, publish } = await start();
  for (const part of ['-wal', '-shm']) rmSync(file + part);
  await until('there is a log again', () => {
    publish();
    return existsSync(`${file}-wal`);
  });
  await until('all is acknowledged', () => !store.journal.waiting);
  expect(messagesIn(file)).toEqual(expect.arrayContaining(acknowledged));
  expect(store.troubles()).toEqual([]);
});

test('a log that is deleted while the retained messages of the last run are still read is saved after that', async () => {
  const { file, store, acknowledged, publish } = await start({ isRead: false });
  for (const part of ['-wal', '-shm']) rmSync(file + part);
  await until('the log can not be saved yet', () => {
    publish();
    return store.troubles().length > 0;
  });
  expect(store.troubles()[0]).toContain(`${file}-wal was deleted while the gateway runs`);
  retainedOf(store);
  await until('all is acknowledged', () => !store.journal.waiting);
  expect(messagesIn(file)).toEqual(expect.arrayContaining(acknowledged));
  expect(store.troubles()).toEqual([]);
});

test('as long as a deleted log is still read, its connection stays open, however often a commit is tried', () => {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  db.pragma('busy_timeout = 20');
  db.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1)');
  const reader = openReadOnly(file);
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM t').all();
  const name = new DatabaseName(file, db);
  db.exec('INSERT INTO t VALUES (2)');
  for (const part of ['-wal', '-shm']) rmSync(file + part);
  for (let n = 0; n < 3; n++) {
    let code = '';
    try {
      name.check(false);
    } catch (error) {
      code = errorCode(error);
    }
    expect([code, isNameLost(code), isTransient(code)]).toEqual([LOG_MISSING, true, true]);
  }
  reader.close();
  expect(name.check(false)).toBe('reopen');
  db.close();
  const again = openConnection(file);
  expect(again.prepare('SELECT n FROM t').pluck().all()).toEqual([1, 2]);
  again.close();
});

test('a database that is deleted just before the stop is there after it', async () => {
  const { file, store, acknowledged, publish } = await start();
  removeAll(file);
  publish();
  await until('it is acknowledged', () => acknowledged.length === 2);
  running = undefined;
  await store.stop();
  expect(messagesIn(file)).toEqual([1, 2]);
});
