import { closeSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CHANGE_FOLDER } from './data-folder.ts';
import { SCHEMA_VERSION, versionOf } from './migrations.ts';
import { type Connection, isSqliteError, openFile } from './sqlite.ts';
import { isFull } from './sqlite-errors.ts';

/** The data folder belongs to a newer version: nothing is damaged and nothing may be changed. */
export class NewerDataError extends Error {
  constructor(file: string, version: number) {
    super(
      `${file} was written by a newer cellgate (data version ${version}, this one knows ${SCHEMA_VERSION}): install that version again, or ${CHANGE_FOLDER}`,
    );
  }
}

/** The database may use this part of its file system, because a full file system stops other programs too. */
const SHARE = 0.5;
const MIN_SHARE_BYTES = 4 * 1024 * 1024;

/** A checkpoint is made after 4 MB. */
const LOG_BYTES = 16 * 1024 * 1024;

/** Opens the file with the pragmas that durability needs. Throws NewerDataError, or SQLite's error. */
export function openConnection(file: string): Connection {
  makePrivate(file);
  const db = openFile(file);
  try {
    refuseNewer(db, file);
    db.pragma('journal_mode = WAL');
    // FULL: with NORMAL a power cut undoes every commit since the last checkpoint.
    db.pragma('synchronous = FULL');
    db.pragma('cache_size = -4096');
    db.pragma('temp_store = MEMORY');
    // Of the log, where a large commit or a long read has made it larger than that.
    db.pragma(`journal_size_limit = ${LOG_BYTES}`);
    const pageSize = db.pragma('page_size', { simple: true }) as number;
    db.pragma(`max_page_count = ${Math.floor(shareOf(file) / pageSize)}`);
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** Creates a missing file for this user alone; SQLite gives its mode to the log. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch {
    // It is there, or SQLite reports why it can't be.
  }
}

/** To be called before any pragma that changes the file. */
function refuseNewer(db: Connection, file: string): void {
  const version = versionOf(db);
  if (version > SCHEMA_VERSION) throw new NewerDataError(file, version);
}

/** How many bytes the database may take on its file system. */
export function shareOf(file: string): number {
  const { blocks, bsize } = statfsSync(dirname(file));
  return Math.max(blocks * bsize * SHARE, MIN_SHARE_BYTES);
}

/** SQLite's error at the start as a sentence with a remedy; any other error unchanged. */
export function openError(cause: unknown, file: string): unknown {
  if (!isSqliteError(cause)) return cause;
  const remedy = isFull(cause.code)
    ? `free some space, or ${CHANGE_FOLDER}`
    : `make it a file that this user can write, or ${CHANGE_FOLDER}`;
  return new Error(`can't use ${file} (${cause.code}): ${remedy}`, { cause });
}
