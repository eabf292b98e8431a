import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openFile } from '../../../../src/store/database/sqlite.ts';
import { openImage } from '../../../../src/store/recovery/database-image.ts';
import { openPages, walFault } from '../../../../src/store/recovery/database-pages.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** A database that is open, with a row in its file and one in its write-ahead log alone. */
function openDatabase() {
  const file = join(tempFolder(), 'x.db');
  const db = openFile(file);
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE x (value TEXT); INSERT INTO x VALUES ('in the file')`);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.exec(`INSERT INTO x VALUES ('in the log')`);
  return file;
}

function valuesIn(file: string): unknown[] {
  const db = openImage(file)!;
  const values = db.prepare('SELECT value FROM x').pluck().all();
  db.close();
  return values;
}

test('an image has what is committed in the write-ahead log', () => {
  const file = openDatabase();
  expect(openPages(file)).toMatchObject({ pageSize: 4096, walReadable: true });
  expect(valuesIn(file)).toEqual(['in the file', 'in the log']);
});

test('a log with a damaged header is reported: the pages are those of the file, and there is no image', () => {
  const file = openDatabase();
  writeFileSync(`${file}-wal`, 'no log, and longer than its header would be');
  expect(walFault(file)).toBe('the head of its write-ahead log is unreadable');
  const pages = openPages(file);
  expect(pages.walReadable).toBe(false);
  expect(pages.read(2)?.includes('in the file')).toBe(true);
  expect(() => openImage(file)).toThrow('is damaged, and the disk takes no writes');
});

test('a log that is missing, empty, too short or all zeros contains nothing', () => {
  const file = join(tempFolder(), 'x.db');
  expect(walFault(file)).toBeUndefined();
  for (const content of [Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(5000)]) {
    writeFileSync(`${file}-wal`, content);
    expect(walFault(file)).toBeUndefined();
  }
});

test('an image is a copy: changes in it do not reach the file', () => {
  const file = openDatabase();
  const db = openImage(file)!;
  db.exec('DELETE FROM x');
  db.close();
  expect(valuesIn(file)).toHaveLength(2);
});

test('a database that is missing, or a folder, has no pages and no image', () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'folder'));
  for (const file of [join(folder, 'x.db'), join(folder, 'folder')]) {
    expect(openPages(file).count).toBe(0);
    expect(openImage(file)).toBeUndefined();
  }
});

test('a database over 1 GiB has no image, but its pages can be read', () => {
  const file = join(tempFolder(), 'x.db');
  writeFileSync(file, '');
  truncateSync(file, 1024 ** 3 + 4096);
  expect(() => openImage(file)).toThrow(`${file} is too large to be read into memory`);
  const pages = openPages(file);
  expect(pages.count).toBe(1024 ** 3 / 4096 + 1);
  expect(pages.read(pages.count)).toHaveLength(4096);
  expect(pages.read(pages.count + 1)).toBeUndefined();
});
