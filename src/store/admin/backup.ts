import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { databaseFile, lockFolder, prepareFolder } from '../database/data-folder.ts';
import { NewerDataError } from '../database/database.ts';
import { SCHEMA_VERSION, versionOf } from '../database/migrations.ts';
import { type Connection, isSqliteError, openFile, openReadOnly } from '../database/sqlite.ts';
import { removeMarkers } from '../recovery/repair.ts';

/** Called with the progress, from 0 to 1. */
export type Progress = (done: number) => void;

/** Pages copied in one step; other work continues between two steps. */
const PAGES_A_STEP = 2000;
/** The count of starts continues at the next multiple, because a number used since the backup must not be used again. */
const STARTS_APART = 10_000;

/**
 * Copies the present state of a data folder's database to one file; a running gateway may continue to write.
 * The file appears when it is complete, and never replaces another. Rejects with an Error whose message is a sentence.
 */
export async function backup(folder: string, to: string, progress: Progress): Promise<void> {
  const file = databaseFile(folder);
  if (!existsSync(file)) throw new Error(`there is nothing to back up: ${file} is missing`);
  if (existsSync(to)) throw new Error(`${to} is there already, expected a name that is free`);
  const part = `${to}.part`;
  rmSync(part, { force: true });
  // Other users of this computer must not read the messages of the cell.
  closeSync(openSync(part, 'wx', 0o600));
  const db = openReadOnly(file);
  try {
    // An open read transaction keeps the state: without it each commit of the gateway would restart the copy.
    db.exec('BEGIN');
    db.pragma('user_version');
    await db.backup(part, {
      progress({ totalPages, remainingPages }) {
        progress(totalPages === 0 ? 0 : 1 - remainingPages / totalPages);
        return PAGES_A_STEP;
      },
    });
    makeSingleFile(part);
    renameSync(part, to);
    synchronise(dirname(resolve(to)));
    progress(1);
  } finally {
    db.close();
    rmSync(part, { force: true });
  }
}

/** Checks the copy and moves its write-ahead log into it. When this returns, the copy is on disk. */
function makeSingleFile(file: string): void {
  const db = openFile(file);
  try {
    db.pragma('journal_mode = DELETE');
    const [first] = db.pragma('quick_check(1)') as object[];
    if (Object.values(first ?? {})[0] !== 'ok') throw new Error(`the copy ${file} is not sound`);
  } finally {
    db.close();
  }
  synchronise(file);
}

/**
 * Replaces a data folder's database by a backup; no gateway may run on it. Returns the name under which the former
 * database is kept; undefined if there was none. Throws a sentence and changes nothing if that is not possible.
 */
export function restore(folder: string, from: string): string | undefined {
  checkBackup(from);
  prepareFolder(folder);
  const unlock = lockFolder(folder);
  const file = databaseFile(folder);
  const next = `${file}.restoring`;
  try {
    rmSync(next, { force: true });
    copyFileSync(from, next);
    const { uid, gid } = statSync(folder);
    if (process.getuid?.() === 0) chownSync(next, uid, gid);
    chmodSync(next, 0o600);
    continueStarts(next, startsOf(file));
    synchronise(next);
    const former = setAside(file);
    removeMarkers(file);
    renameSync(next, file);
    synchronise(folder);
    return former;
  } finally {
    rmSync(next, { force: true });
    unlock();
  }
}

function checkBackup(file: string): void {
  if (!existsSync(file))
    throw new Error(`${file} is missing, expected a file of "cellgate backup"`);
  let db: Connection | undefined;
  try {
    db = openReadOnly(file);
    const version = versionOf(db);
    if (version > SCHEMA_VERSION) throw new NewerDataError(file, version);
    const sound = db.pragma('integrity_check(1)', { simple: true });
    if (sound !== 'ok') throw new Error(`${file} is damaged: ${sound}`);
    db.prepare('SELECT 1 FROM meta, session').get();
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    throw new Error(`${file} is no file of "cellgate backup" (${error.message})`, { cause: error });
  } finally {
    db?.close();
  }
}

/** The count of starts of the replaced database; 0 if it can't be read. */
function startsOf(file: string): number {
  if (!existsSync(file)) return 0;
  try {
    return withConnection(file, (db) => bootOf(db));
  } catch {
    return 0;
  }
}

/** Sets the count of starts above the counts of the backup and of the former database. */
function continueStarts(file: string, former: number): void {
  withConnection(file, (db) => {
    const last = Math.max(bootOf(db), former);
    const boot = (Math.floor(last / STARTS_APART) + 1) * STARTS_APART;
    db.prepare(`INSERT OR REPLACE INTO meta (key, value) VALUES ('boot', ?)`).run(boot);
  });
}

function bootOf(db: Connection): number {
  return (db.prepare(`SELECT value FROM meta WHERE key = 'boot'`).pluck().get() as number) ?? 0;
}

function withConnection<Result>(file: string, use: (db: Connection) => Result): Result {
  const db = openFile(file);
  try {
    return use(db);
  } finally {
    db.close();
  }
}

/** Gives the database a second name, with its log written into it, so that its own name can be replaced atomically. */
function setAside(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const former = `${file}.before-restore-${new Date().toISOString().replaceAll(':', '')}`;
  try {
    withConnection(file, (db) => db.pragma('wal_checkpoint(TRUNCATE)'));
  } catch {
    // Damaged: its log is kept unchanged.
  }
  linkSync(file, former);
  for (const part of ['-wal', '-shm']) {
    if (existsSync(file + part)) renameSync(file + part, former + part);
  }
  return former;
}

function synchronise(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
