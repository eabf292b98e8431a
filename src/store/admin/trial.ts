import { existsSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkPermissions, databaseFile, prepareFolder } from '../database/data-folder.ts';
import { NewerDataError } from '../database/database.ts';
import { migrate, SCHEMA_VERSION, versionOf } from '../database/migrations.ts';
import { openFile, openReadOnly } from '../database/sqlite.ts';
import { errorCode, isDamage } from '../database/sqlite-errors.ts';
import { backup } from './backup.ts';

/** With less free space SQLite can't make its files, and a start fails. */
const LEAST_FREE_BYTES = 8 * 1024 * 1024;
/** The copy on which the change to the tables of this version is tried. */
const TRIAL = 'upgrade-trial.db';

/**
 * Whether this version can start on a data folder, also while another gateway runs on it: its rights, its free space,
 * the version of its tables. Where this version changes the tables, it does so in a copy, which is deleted. Resolves with
 * a sentence of what it found, rejects with one of what is to be repaired. Changes nothing else.
 */
export async function tryData(folder: string): Promise<string> {
  const file = databaseFile(folder);
  if (!existsSync(folder)) return 'there is no data folder yet';
  prepareFolder(folder);
  checkPermissions(file);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < LEAST_FREE_BYTES) {
    throw new Error(`${folder} has less than 8 MiB of free space: free some space`);
  }
  if (!existsSync(file)) return 'there is no database yet';
  const version = tablesOf(file);
  if (version === undefined) return 'the database is damaged; a start recovers what it can';
  if (version > SCHEMA_VERSION) throw new NewerDataError(file, version);
  if (version === SCHEMA_VERSION) return 'the database is of this version';
  const need = statSync(file).size;
  if (bavail * bsize - LEAST_FREE_BYTES < 2 * need) {
    throw new Error(
      `${folder} has no room to change the tables of ${file}, which takes twice its size (${Math.ceil(need / 1e6)} MB): free some space`,
    );
  }
  await tryTables(folder);
  return `the tables of the database can be changed from version ${version} to ${SCHEMA_VERSION}`;
}

/** The version of the tables; undefined if the file is damaged. */
function tablesOf(file: string): number | undefined {
  try {
    const db = openReadOnly(file);
    try {
      return versionOf(db);
    } finally {
      db.close();
    }
  } catch (error) {
    if (isDamage(errorCode(error))) return undefined;
    throw new Error(`can't read ${file} (${errorCode(error) || (error as Error).message})`, {
      cause: error,
    });
  }
}

async function tryTables(folder: string): Promise<void> {
  const copy = join(folder, TRIAL);
  const remove = (): void => {
    for (const part of ['', '.part', '-wal', '-shm', '-journal'])
      rmSync(`${copy}${part}`, { force: true });
  };
  remove();
  try {
    await backup(folder, copy, () => undefined);
    const db = openFile(copy);
    try {
      migrate(db);
    } finally {
      db.close();
    }
  } catch (error) {
    if (isDamage(errorCode(error))) return;
    throw new Error(
      `this version can't change the tables of ${databaseFile(folder)}: ${(error as Error).message}`,
      { cause: error },
    );
  } finally {
    remove();
  }
}
