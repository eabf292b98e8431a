import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

export type Connection = Database.Database;

/**
 * The schema, one step a version; a step is never changed once released, a new one is added.
 * A queue row carries its message's body (topic length, topic, payload) unless several sessions
 * share it: then the body stands once in `message`, with the number of rows that name it.
 */
const MIGRATIONS: readonly string[] = [
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
];

export const SCHEMA_VERSION = MIGRATIONS.length;

const FILE = 'cellgate.db';

/** The database file inside a data folder. */
export function databaseFile(folder: string): string {
  return join(folder, FILE);
}

/** Makes the data folder where it is missing; throws one sentence where it can't be used. */
export function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Error(
      `can't write to the data folder ${folder} (${code}): make it writable for this user, or change 'data' in the config`,
      { cause },
    );
  }
}

/**
 * Holds the folder for this process until the returned function is called or the process ends.
 * The kernel lets go of the lock with the process, so none is ever left behind.
 */
export function lockFolder(folder: string): () => void {
  const lock = new Database(join(folder, 'lock'), { timeout: 0 });
  try {
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new Error(
      `the data folder ${folder} is in use by another cellgate: stop that one, or change 'data' in the config`,
      { cause },
    );
  }
  return () => lock.close();
}

/** Opens the file with the pragmas that the promise of durability rests on. */
export function openConnection(file: string): Connection {
  const db = new Database(file, { timeout: 5000 });
  try {
    db.pragma('journal_mode = WAL');
    // FULL: with NORMAL a power cut takes back every commit since the last checkpoint.
    db.pragma('synchronous = FULL');
    db.pragma('cache_size = -4096');
    db.pragma('temp_store = MEMORY');
    return db;
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** Opens the file to look at it, beside a gateway that may write to it. */
export function openReadOnly(file: string): Connection {
  return new Database(file, { readonly: true, timeout: 5000 });
}

/** Brings an older or empty database to this version; throws when it was written by a newer one. */
export function migrate(db: Connection, file: string): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > SCHEMA_VERSION) {
    throw new NewerDataError(
      `${file} was written by a newer cellgate (data version ${version}, this one knows ${SCHEMA_VERSION}): install that version again, or choose another data folder`,
    );
  }
  for (let step = version; step < SCHEMA_VERSION; step++) {
    db.transaction(() => {
      db.exec(MIGRATIONS[step]!);
      db.pragma(`user_version = ${step + 1}`);
    })();
  }
}

/** The data folder belongs to a newer version: nothing is damaged and nothing may be touched. */
export class NewerDataError extends Error {}
