import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { tryData } from '../../../../src/store/admin/trial.ts';
import { migrate, SCHEMA_VERSION } from '../../../../src/store/database/migrations.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** A data folder with a database of this version, after `change`. */
function folderWith(change: (db: Database.Database) => void = () => undefined): string {
  const folder = tempFolder();
  const db = new Database(join(folder, 'cellgate.db'));
  db.pragma('journal_mode = WAL');
  migrate(db);
  change(db);
  db.close();
  return folder;
}

test('a database of this version is in order, also while another process has it open', async () => {
  const folder = folderWith();
  const db = new Database(join(folder, 'cellgate.db'));
  db.exec('BEGIN IMMEDIATE');
  expect(await tryData(folder)).toBe('the database is of this version');
  db.close();
});

test('no folder and no database are in order', async () => {
  const folder = tempFolder();
  expect(await tryData(folder)).toBe('there is no database yet');
  expect(await tryData(join(folder, 'none'))).toBe('there is no data folder yet');
  expect(readdirSync(folder)).toEqual([]);
});

test('a database of a newer version is refused', async () => {
  const folder = folderWith((db) => db.pragma(`user_version = ${SCHEMA_VERSION + 1}`));
  await expect(tryData(folder)).rejects.toThrow('was written by a newer cellgate');
});

test('where the tables change, the change is tried in a copy, which is deleted', async () => {
  const folder = folderWith((db) => {
    db.exec('DROP TABLE recent');
    db.pragma(`user_version = ${SCHEMA_VERSION - 1}`);
  });
  const before = readFileSync(join(folder, 'cellgate.db'));
  expect(await tryData(folder)).toBe(
    `the tables of the database can be changed from version ${SCHEMA_VERSION - 1} to ${SCHEMA_VERSION}`,
  );
  expect(readFileSync(join(folder, 'cellgate.db'))).toEqual(before);
  expect(readdirSync(folder).filter((name) => name.includes('trial'))).toEqual([]);
});

test('a change that this version can not make is refused, and its copy deleted', async () => {
  // The table that the change would make is there already.
  const folder = folderWith((db) => db.pragma(`user_version = ${SCHEMA_VERSION - 1}`));
  await expect(tryData(folder)).rejects.toThrow("this version can't change the tables of");
  expect(readdirSync(folder).filter((name) => name.includes('trial'))).toEqual([]);
});

test('a damaged database is in order, as a start recovers it', async () => {
  const folder = tempFolder();
  writeFileSync(
    join(folder, 'cellgate.db'),
    'no database at all, but long enough to be one '.repeat(200),
  );
  expect(await tryData(folder)).toContain('is damaged');
});
