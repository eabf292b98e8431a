import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WriteError } from '../../../src/store/commit/writer.ts';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import {
  DATABASE_MISSING,
  DATABASE_REPLACED,
  LOG_MISSING,
} from '../../../src/store/database/sqlite-errors.ts';
import {
  describeReplaced,
  describeWriteError,
  freeBytes,
} from '../../../src/store/write-trouble.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const error = (code: string, message = 'm') => new WriteError(code, message, undefined);
const effect = 'QoS 1 and 2 messages are not acknowledged until it does';

test('a database that was replaced: where the acknowledged messages are, and what to do', () => {
  const folder = tempFolder();
  const sentence = describeWriteError(error(DATABASE_REPLACED, '/data/kept.db'), folder);
  expect(sentence).toBe(describeReplaced(folder, '/data/kept.db'));
  expect(sentence).toContain(`${databaseFile(folder)} was replaced while the gateway runs`);
  expect(sentence).toContain('all that was acknowledged is in /data/kept.db: stop the gateway');
});

test('a database that was deleted', () => {
  const folder = tempFolder();
  expect(describeWriteError(error(DATABASE_MISSING), folder)).toBe(
    `${databaseFile(folder)} was deleted while the gateway runs: it is written again from what is still open; ${effect}`,
  );
});

test('a log that was deleted', () => {
  const folder = tempFolder();
  expect(describeWriteError(error(LOG_MISSING), folder)).toBe(
    `${databaseFile(folder)}-wal was deleted while the gateway runs: it is written again from what is still open; ${effect}`,
  );
});

test('a disk without space', () => {
  const folder = tempFolder();
  writeFileSync(databaseFile(folder), 'small');
  expect(describeWriteError(error('SQLITE_FULL'), folder)).toBe(
    `no space left for ${folder}: free some; ${effect}`,
  );
});

test('a file system that is read-only', () => {
  const folder = tempFolder();
  expect(describeWriteError(error('SQLITE_READONLY'), folder)).toBe(
    `${folder} is read-only: remount it writable; ${effect}`,
  );
});

test('any other error has its code', () => {
  const folder = tempFolder();
  expect(describeWriteError(error('SQLITE_IOERR_WRITE'), folder)).toBe(
    `${folder} does not take writes (SQLITE_IOERR_WRITE); ${effect}`,
  );
});

test('an error without a cause in the folder itself has its code too', () => {
  const folder = join(tempFolder(), 'none');
  expect(describeWriteError(error('SQLITE_IOERR'), folder)).toBe(
    `${folder} does not take writes (SQLITE_IOERR); ${effect}`,
  );
});

test('free bytes of a disk; unknown for a folder that is not there', () => {
  expect(freeBytes(tempFolder())).toBeGreaterThan(0);
  expect(freeBytes(join(tempFolder(), 'none'))).toBeNull();
});
