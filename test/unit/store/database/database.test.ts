import { statfsSync, statSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection, openError, shareOf } from '../../../../src/store/database/database.ts';
import { migrate, SCHEMA_VERSION } from '../../../../src/store/database/migrations.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

test('a new database has the schema, the write-ahead log and full synchronisation', () => {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  migrate(db);
  expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION);
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
  expect(db.pragma('synchronous', { simple: true })).toBe(2);
  const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`);
  expect(tables.pluck().all()).toEqual([
    'dead_letter',
    'delayed_will',
    'incoming',
    'message',
    'meta',
    'recent',
    'retained',
    'segment',
    'session',
    'state',
    'subscription',
    'will',
  ]);
  migrate(db);
  db.close();
});

// A worker thread, in which mutation tests run, can't set the mask.
test.runIf(isMainThread)('a new database and its log are for this user alone', () => {
  const file = databaseFile(tempFolder());
  const before = process.umask(0);
  const db = openConnection(file);
  migrate(db);
  process.umask(before);
  for (const part of ['', '-wal', '-shm']) expect(statSync(file + part).mode & 0o777).toBe(0o600);
  db.close();
});

test('data of a newer version is left alone, in a sentence', () => {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  db.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
  expect(() => openConnection(file)).toThrow(
    `${file} was written by a newer cellgate (data version ${SCHEMA_VERSION + 1}, this one knows ${SCHEMA_VERSION})`,
  );
  expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION + 1);
  db.close();
});

test('a migration that fails leaves the version as it was', () => {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  db.exec('CREATE TABLE retained (something TEXT)');
  expect(() => migrate(db)).toThrow('retained');
  expect(db.pragma('user_version', { simple: true })).toBe(0);
  const names = db.prepare('SELECT name FROM sqlite_master').pluck().all();
  expect(names).not.toContain('meta');
  db.close();
});

test('a file that is no database is an error', () => {
  const file = databaseFile(tempFolder());
  writeFileSync(file, 'not a database, and long enough to be looked at '.repeat(100));
  expect(() => openConnection(file)).toThrow('file is not a database');
});

test('an error of SQLite at the start is a sentence with a remedy; another one stays', () => {
  const file = databaseFile(tempFolder());
  const of = (code: string) => {
    return openError(new Database.SqliteError('m', code), file) as Error;
  };
  expect(of('SQLITE_FULL').message).toBe(
    `can't use ${file} (SQLITE_FULL): free some space, or change 'data' in the config`,
  );
  expect(of('SQLITE_CANTOPEN').message).toBe(
    `can't use ${file} (SQLITE_CANTOPEN): make it a file that this user can write, or change 'data' in the config`,
  );
  expect(of('SQLITE_CANTOPEN').cause).toMatchObject({ code: 'SQLITE_CANTOPEN' });
  const other = new Error('other');
  expect(openError(other, file)).toBe(other);
});

test('the database has half of its file system', () => {
  const { blocks, bsize } = statfsSync(tempFolder());
  expect(shareOf(databaseFile(tempFolder()))).toBe(Math.max((blocks * bsize) / 2, 4 * 1024 * 1024));
});
