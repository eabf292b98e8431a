import { accessSync, constants, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { moveIntoSegments } from './legacy-queue.ts';

export type Connection = Database.Database;

/**
 * The schema, one step a version; a step is never changed once released, a new one is added.
 * A queue entry carries its message's body (topic length, topic, payload) unless several sessions
 * share it: then the body stands once in `message`, with the number of entries that name it.
 */
const MIGRATIONS: readonly (string | ((db: Connection) => void))[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE session (
    key INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, seen INTEGER NOT NULL, sent INTEGER NOT NULL);
  CREATE TABLE subscription (
    session INTEGER NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
    PRIMARY KEY (session, filter)) WITHOUT ROWID;
  CREATE TABLE message (id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE TABLE queue (
    session INTEGER NOT NULL, seq INTEGER NOT NULL, flags INTEGER NOT NULL, at INTEGER NOT NULL,
    size INTEGER NOT NULL, message INTEGER, body BLOB,
    PRIMARY KEY (session, seq)) WITHOUT ROWID;
  CREATE TABLE incoming (
    session INTEGER NOT NULL, packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)) WITHOUT ROWID;
  CREATE TABLE retained (topic TEXT PRIMARY KEY, qos INTEGER NOT NULL, payload BLOB NOT NULL);
  CREATE TABLE will (
    client_id TEXT PRIMARY KEY, topic TEXT NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL,
    payload BLOB NOT NULL);
  `,
  `
  CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY, uplink TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
    body BLOB NOT NULL);
  -- What a plant refuses for ever is kept for people to look at: the latest ten thousand of it.
  CREATE TRIGGER dead_letter_bound AFTER INSERT ON dead_letter
  BEGIN DELETE FROM dead_letter WHERE id <= new.id - 10000; END;
  `,
  `
  -- What sensors remember, e.g. a pulse counter its total; values are JSON.
  CREATE TABLE state (
    owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (owner, key)) WITHOUT ROWID;
  -- The user whose session it is: no other may take it.
  ALTER TABLE session ADD COLUMN owner TEXT NOT NULL DEFAULT '';
  `,
  (db) => {
    // The rowid is made of session and first number: a queue lies together, and in order.
    db.exec(`
      CREATE TABLE segment (
        id INTEGER PRIMARY KEY, session INTEGER NOT NULL, first INTEGER NOT NULL, span INTEGER NOT NULL,
        count INTEGER NOT NULL, bytes INTEGER NOT NULL, at INTEGER NOT NULL, form INTEGER NOT NULL,
        body BLOB NOT NULL);
    `);
    moveIntoSegments(db);
    db.exec('DROP TABLE queue');
  },
];

export const SCHEMA_VERSION = MIGRATIONS.length;

const FILE = 'cellgate.db';

/** The database file inside a data folder. */
export function databaseFile(folder: string): string {
  return join(folder, FILE);
}

function lockFile(folder: string): string {
  return join(folder, 'lock');
}

const OTHER = "change 'data' in the config";
const REMEDIES: Readonly<Record<string, string>> = {
  EEXIST: 'move away the file that has its name',
  ENOTDIR: 'move away the file that stands in its path',
  EROFS: 'remount its file system writable',
  ENOSPC: 'free some space',
};

/** Makes the data folder where it is missing; throws one sentence where it can't be used. */
export function prepareFolder(folder: string): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.R_OK | constants.X_OK);
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // Mounted read-only: what is there can be read, and the mount may change.
    if (code === 'EROFS' && existsSync(folder)) return;
    const remedy = REMEDIES[code ?? ''] ?? 'make it writable for this user';
    throw new Error(
      `can't write to the data folder ${folder} (${code ?? message}): ${remedy}, or ${OTHER}`,
      { cause },
    );
  }
}

/** Not `recursive`: Node tries for ever where a file system answers ENOENT below a folder that is there. */
function makeFolder(folder: string): void {
  const make = (): unknown => mkdirSync(folder, { mode: 0o750 });
  try {
    make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    make();
  }
}

/** What SQLite says at the start, as a sentence with what to do; any other error as it is. */
export function openError(cause: unknown, file: string): unknown {
  const code = cause instanceof Database.SqliteError ? cause.code : '';
  if (code === '') return cause;
  const remedy =
    code === 'SQLITE_FULL'
      ? `free some space, or ${OTHER}`
      : `make it a file that this user can write, or ${OTHER}`;
  return new Error(`can't use ${file} (${code}): ${remedy}`, { cause });
}

/** Throws one sentence when this user may not read and write the database's files. */
export function checkPermissions(file: string): void {
  for (const part of ['', '-wal', '-shm']) {
    try {
      accessSync(file + part, constants.R_OK | constants.W_OK);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'EROFS') continue;
      throw new Error(
        `can't read and write ${file}${part} (${code}): make it belong to this user`,
        { cause },
      );
    }
  }
}

/**
 * Holds the folder for this process until the returned function is called or the process ends.
 * The kernel lets go of the lock with the process, so none is ever left behind.
 * Throws where another process holds it, and SQLite's own error where the disk takes no lock file.
 */
export function lockFolder(folder: string): () => void {
  const file = lockFile(folder);
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`can't use ${file}: it is a folder, move it away, or ${OTHER}`);
  }
  let lock: Connection | undefined;
  try {
    lock = new Database(file, { timeout: 0 });
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock?.close();
    if ((cause as { code?: unknown }).code !== 'SQLITE_BUSY') throw cause;
    throw new Error(
      `the data folder ${folder} is in use by another cellgate: stop that one, or ${OTHER}`,
      { cause },
    );
  }
  const held = lock;
  return () => held.close();
}

/** Whether a gateway that runs holds the folder; false where that can't be seen. */
export function isInUse(folder: string): boolean {
  try {
    const lock = new Database(lockFile(folder), { readonly: true, timeout: 0 });
    try {
      lock.pragma('user_version');
    } finally {
      lock.close();
    }
  } catch (error) {
    return (error as { code?: unknown }).code === 'SQLITE_BUSY';
  }
  return false;
}

/** Opens the file with the pragmas that the promise of durability rests on; throws when a newer version wrote it. */
export function openConnection(file: string): Connection {
  const db = new Database(file, { timeout: 5000 });
  try {
    refuseNewer(db, file);
    db.pragma('journal_mode = WAL');
    // FULL: with NORMAL a power cut takes back every commit since the last checkpoint.
    db.pragma('synchronous = FULL');
    db.pragma('cache_size = -4096');
    db.pragma('temp_store = MEMORY');
    const pageSize = db.pragma('page_size', { simple: true }) as number;
    db.pragma(`max_page_count = ${Math.floor(shareOf(file) / pageSize)}`);
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** Of its file system the database takes this part at most: others live there too, and a full one stops them all. */
const SHARE = 0.5;
const LEAST_SHARE_BYTES = 4 * 1024 * 1024;

/** Bytes that the database may have where it is. */
export function shareOf(file: string): number {
  const { blocks, bsize } = statfsSync(dirname(file));
  return Math.max(blocks * bsize * SHARE, LEAST_SHARE_BYTES);
}

/** Opens the file as it is, whatever version it has. */
export function openFile(file: string): Connection {
  return new Database(file);
}

export function isSqliteError(error: unknown): error is Error {
  return error instanceof Database.SqliteError;
}

/** Opens the file to look at it, beside a gateway that may write to it. */
export function openReadOnly(file: string): Connection {
  return new Database(file, { readonly: true, timeout: 5000 });
}

/** Brings an older or empty database to this version. */
export function migrate(db: Connection): void {
  for (let step = versionOf(db); step < SCHEMA_VERSION; step++) {
    db.transaction(() => {
      const migration = MIGRATIONS[step]!;
      if (typeof migration === 'string') db.exec(migration);
      else migration(db);
      db.pragma(`user_version = ${step + 1}`);
    })();
  }
}

/** Whether the database has this version's tables. */
export function isCurrent(db: Connection): boolean {
  return versionOf(db) === SCHEMA_VERSION;
}

function versionOf(db: Connection): number {
  return db.pragma('user_version', { simple: true }) as number;
}

/** Nothing is damaged and nothing may be touched: the check comes before anything is set. */
function refuseNewer(db: Connection, file: string): void {
  const version = versionOf(db);
  if (version <= SCHEMA_VERSION) return;
  throw new NewerDataError(file, version);
}

/** The data folder belongs to a newer version: nothing is damaged and nothing may be touched. */
export class NewerDataError extends Error {
  constructor(file: string, version: number) {
    super(
      `${file} was written by a newer cellgate (data version ${version}, this one knows ${SCHEMA_VERSION}): install that version again, or ${OTHER}`,
    );
  }
}

/** A database in memory that begins with these bytes of a file. */
export function openBytes(bytes: Buffer): Connection {
  return new Database(bytes);
}

/** An empty database of this version, in memory. */
export function referenceDatabase(): Connection {
  const db = new Database(':memory:');
  migrate(db);
  return db;
}
