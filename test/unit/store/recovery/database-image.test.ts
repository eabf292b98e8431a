import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openFile } from '../../../../src/store/database/sqlite.ts';
import {
  isWalUnreadable,
  openImage,
  readImage,
} from '../../../../src/store/recovery/database-image.ts';
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
  const db = openImage(readImage(file));
  const values = db.prepare('SELECT value FROM x').pluck().all();
  db.close();
  return values;
}

test('an image has what is committed in the write-ahead log', () => {
  const file = openDatabase();
  expect(readImage(file)).toMatchObject({ pageSize: 4096, walReadable: true });
  expect(valuesIn(file)).toEqual(['in the file', 'in the log']);
});

test('a log with a damaged header is reported, and the image is that of the file', () => {
  const file = openDatabase();
  writeFileSync(`${file}-wal`, 'no log, and longer than its header would be');
  expect(isWalUnreadable(file)).toBe(true);
  expect(readImage(file).walReadable).toBe(false);
  expect(valuesIn(file)).toEqual(['in the file']);
});

test('a log that is missing, empty, too short or all zeros contains nothing', () => {
  const file = join(tempFolder(), 'x.db');
  expect(isWalUnreadable(file)).toBe(false);
  for (const content of [Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(5000)]) {
    writeFileSync(`${file}-wal`, content);
    expect(isWalUnreadable(file)).toBe(false);
  }
});

test('an image is a copy: changes in it do not reach the file', () => {
  const file = openDatabase();
  const db = openImage(readImage(file));
  db.exec('DELETE FROM x');
  db.close();
  expect(valuesIn(file)).toHaveLength(2);
});

test('a database that is missing, or a folder, is an empty image; one over 1 GiB is refused', () => {
  const folder = tempFolder();
  const file = join(folder, 'x.db');
  expect(readImage(file).bytes).toHaveLength(0);
  mkdirSync(join(folder, 'folder'));
  expect(readImage(join(folder, 'folder')).bytes).toHaveLength(0);
  writeFileSync(file, '');
  truncateSync(file, 1024 ** 3 + 1);
  expect(() => readImage(file)).toThrow(`${file} is too large to be read into memory`);
});
