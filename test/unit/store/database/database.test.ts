import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  databaseFile,
  lockFolder,
  migrate,
  openConnection,
  prepareFolder,
  SCHEMA_VERSION,
} from '../../../../src/store/database/database.ts';
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
    'incoming',
    'message',
    'meta',
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

test('the data folder is made, for nobody else to read', () => {
  const folder = join(tempFolder(), 'a', 'b');
  prepareFolder(folder);
  expect(existsSync(folder)).toBe(true);
  expect(statSync(folder).mode & 0o007).toBe(0);
  prepareFolder(folder);
});

test('a data folder that is a file is a sentence', () => {
  const folder = join(tempFolder(), 'file');
  writeFileSync(folder, '');
  expect(() => prepareFolder(folder)).toThrow(/can't write to the data folder .*file \(EEXIST\)/);
  expect(() => prepareFolder(join(folder, 'below'))).toThrow('(ENOTDIR)');
});

test.skipIf(process.getuid?.() === 0)('a data folder of someone else is a sentence', () => {
  const folder = tempFolder();
  chmodSync(folder, 0o500);
  expect(() => prepareFolder(folder)).toThrow('(EACCES)');
  chmodSync(folder, 0o700);
});

test('a folder is locked for other processes and this one, until it is let go', () => {
  const folder = tempFolder();
  const unlock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(
    `the data folder ${folder} is in use by another cellgate`,
  );
  const database = new URL('../../../../dist/src/store/database/database.js', import.meta.url).href;
  const script = `import(${JSON.stringify(database)}).then(({ lockFolder }) => lockFolder(process.argv[1]))`;
  const take = () => spawnSync(process.execPath, ['-e', script, folder], { encoding: 'utf8' });
  expect(take().stderr).toContain('is in use by another cellgate');
  unlock();
  // One that ends without letting go leaves no lock behind.
  expect(take().status).toBe(0);
  lockFolder(folder)();
});
