import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Logger } from 'pino';
import { NewerDataError, openConnection } from '../database/database.ts';
import { migrate, referenceDatabase, SCHEMA_VERSION } from '../database/migrations.ts';
import { removeOrphans } from '../database/orphans.ts';
import { damagedSlots } from '../database/recent-slots.ts';
import type { Connection } from '../database/sqlite.ts';
import { errorCode, isDamage, isTransient, isWriteFailure } from '../database/sqlite-errors.ts';
import { openImage } from './database-image.ts';
import { type DatabasePages, openPages, walFault } from './database-pages.ts';
import { ROWS_AT_START } from './fitting-rows.ts';
import { recordLoss } from './loss.ts';
import { NOTHING, type Salvaged, salvage } from './salvage.ts';
import { setAsideUnfitRows } from './unfit-rows.ts';

/** Larger files are checked only after a run has found damage: on an SD card the check takes half a minute per gigabyte. */
const CHECK_BYTES = 1024 ** 3;
const PARTS = ['', '-wal', '-shm'] as const;
const VERSION_OFFSET = 60;
const FAULT_CHARACTERS = 200;

/** The marker file of a run that found damage: the next start checks the whole database. */
const needsCheck = (file: string): string => `${file}.suspect`;
/** A complete recovered database, which must only be renamed. */
const complete = (file: string): string => `${file}.recovered`;
const unfinished = (file: string): string => `${file}.recovering`;

/** Opens the database on a disk that accepts no writes; one of an older version is migrated in memory only. */
export function openUnwritable(file: string): Connection {
  const db = openImage(file) ?? referenceDatabase();
  try {
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Makes the next start check the whole file; with `fault` that start recovers it, whatever its check finds. */
export function requestCheck(file: string, fault = ''): void {
  try {
    writeFileSync(needsCheck(file), fault);
  } catch {
    // The disk accepts no new file: the next start makes only its usual check.
  }
}

/** Whatever has this name. */
function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** Removes the files that earlier runs left beside a database, when another database replaces it. */
export function removeMarkers(file: string): void {
  for (const left of [needsCheck, complete, unfinished]) remove(left(file));
}

/**
 * Opens the database, creating or migrating it as needed. A damaged one is renamed to
 * `cellgate.db.damaged-<time>`, and the one that is opened contains what can be read of it.
 * Rows that do not fit are set aside, except retained messages. With `fault` it counts as damaged. Throws if the disk
 * accepts no writes, and for data of a newer version, which stays unchanged.
 */
export function openSound(file: string, log: Logger, fault?: string): Connection {
  finishRecovery(file);
  moveFoldersAway(file);
  const version = headerVersion(file);
  if (version > SCHEMA_VERSION) throw new NewerDataError(file, version);
  const damage = fault ?? requestedRecovery(file) ?? inspect(file, log);
  if (typeof damage !== 'string') {
    remove(needsCheck(file));
    return damage;
  }
  const aside = asideName(file);
  const { found, readable, walReadable } = rebuildOrEmpty(file, basename(aside), log);
  // From here on the recovered database is the valid one, also when the power fails before it has its name.
  renameSync(unfinished(file), complete(file));
  sync(dirname(file));
  finishRecovery(file, aside);
  remove(needsCheck(file));
  const recovered = readable
    ? recoveredPart(found, walReadable)
    : 'nothing in it could be read: the gateway starts empty';
  const fields = { damage, aside: basename(aside), ...found };
  log.error(fields, `${file} was damaged and is set aside: ${recovered}`);
  return openConnection(file);
}

/** The fault for which an earlier run asked for a recovery. */
function requestedRecovery(file: string): string | undefined {
  const marker = needsCheck(file);
  if (!statSync(marker, { throwIfNoEntry: false })?.isFile()) return undefined;
  return readFileSync(marker, 'utf8').slice(0, FAULT_CHARACTERS).trim() || undefined;
}

/** Without its log, the database takes no writes. */
function moveFoldersAway(file: string): void {
  for (const part of ['-wal', '-shm', '-journal']) {
    if (!statSync(file + part, { throwIfNoEntry: false })?.isDirectory()) continue;
    renameSync(file + part, asideName(file) + part);
  }
}

function recoveredPart({ unreadable, lost }: Salvaged, walReadable: boolean): string {
  if (unreadable > 0) {
    return `what could be read is recovered, the rest is lost: at least ${lost} messages`;
  }
  return walReadable
    ? 'every row that is in it could be read and is recovered'
    : 'what was only in its write-ahead log is lost, the rest is recovered';
}

/** The open database if it is sound, else the fault in a few words. */
function inspect(file: string, log: Logger): Connection | string {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats && !stats.isFile()) return 'it is no file';
  if (stats?.size === 0) return 'it is empty';
  const logFault = stats && walFault(file);
  if (logFault) return logFault;
  let db: Connection | undefined;
  let fault: string | undefined;
  try {
    db = openConnection(file);
    migrate(db);
    fault = schemaFault(db) ?? contentFault(db, file, stats?.size ?? 0) ?? recentFault(db);
    if (fault === undefined) {
      setAsideUnfitRows(db, file, log, ROWS_AT_START);
      removeUndeliverable(db, log);
      return db;
    }
  } catch (error) {
    db?.close();
    if (isOfDisk(error)) throw error;
    // If a step of the migration does not fit the tables or their rows, they are damaged too.
    return (error as Error).message;
  }
  db.close();
  return fault;
}

/** Whether the error says nothing about what is in the database. */
export function isOfDisk(error: unknown): boolean {
  const code = errorCode(error);
  if (isDamage(code)) return false;
  return error instanceof NewerDataError || isTransient(code) || isWriteFailure(code);
}

function schemaFault(db: Connection): string | undefined {
  const reference = referenceDatabase();
  const expected = tables(reference);
  reference.close();
  const actual = tables(db);
  for (const [name, sql] of expected) {
    if (!actual.has(name)) return `table ${name} is missing`;
    if (actual.get(name) !== sql) return `table ${name} is not as this version made it`;
  }
  return undefined;
}

function tables(db: Connection): Map<string, string> {
  const rows = db.prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'table'`).all();
  return new Map((rows as { name: string; sql: string }[]).map(({ name, sql }) => [name, sql]));
}

function contentFault(db: Connection, file: string, size: number): string | undefined {
  const marked = existsSync(needsCheck(file));
  if (!marked && size > CHECK_BYTES) return undefined;
  const [first] = db.pragma(marked ? 'integrity_check(1)' : 'quick_check(1)') as object[];
  const answer = String(Object.values(first ?? {})[0]);
  return answer === 'ok' ? undefined : answer.replaceAll(/\s+/g, ' ');
}

function recentFault(db: Connection): string | undefined {
  return damagedSlots(db) > 0 ? 'a batch of retained values is not as it was written' : undefined;
}

/** The schema version in the file's header, read without opening the database; 0 if the file is not a database. */
function headerVersion(file: string): number {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return 0;
  const header = Buffer.alloc(100);
  const handle = openSync(file, 'r');
  readSync(handle, header, 0, header.length, 0);
  closeSync(handle);
  return header.toString('latin1', 0, 15) === 'SQLite format 3'
    ? header.readUInt32BE(VERSION_OFFSET)
    : 0;
}

interface Rebuilt {
  readonly found: Salvaged;
  /** False when nothing of the old database could be read. */
  readonly readable: boolean;
  readonly walReadable: boolean;
}

/** The same as `rebuild`; where that fails on what is in the old database, the new one is empty. */
function rebuildOrEmpty(file: string, aside: string, log: Logger): Rebuilt {
  const pages = openIfPossible(file, log);
  try {
    return rebuild(file, aside, pages);
  } catch (error) {
    if (isOfDisk(error)) throw error;
    log.error({ err: error }, `${file} can't be recovered`);
    return rebuild(file, aside, undefined);
  } finally {
    pages?.close();
  }
}

/** Builds the new database beside the old one, with what can be read of that, and records what is lost. */
function rebuild(file: string, aside: string, pages: DatabasePages | undefined): Rebuilt {
  const target = unfinished(file);
  for (const part of PARTS) remove(target + part);
  const db = openConnection(target);
  try {
    migrate(db);
    const found = pages ? salvage(pages, db) : { ...NOTHING };
    if (pages?.walDamaged) found.unreadable++;
    const { unreadable, lost, ...copied } = found;
    const readable = Object.values(copied).some((count) => count > 0);
    const walReadable = pages?.walReadable ?? false;
    // Boot and seq together must never repeat: where the count of starts is lost, the time replaces it.
    db.prepare(`INSERT OR IGNORE INTO meta (key, value) VALUES ('boot', ?)`).run(
      Math.floor(Date.now() / 1000),
    );
    if (unreadable > 0 || !readable || !walReadable) {
      recordLoss(db, { at: Date.now(), aside, messages: lost, places: unreadable });
    }
    return { found, readable, walReadable };
  } finally {
    db.close();
  }
}

function openIfPossible(file: string, log: Logger): DatabasePages | undefined {
  try {
    return openPages(file, true);
  } catch (error) {
    log.error({ err: error }, `${file} can't be read`);
    return undefined;
  }
}

/** A free name for a damaged database. */
function asideName(file: string): string {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let aside = `${file}.damaged-${time}`;
  for (let n = 2; existsSync(aside); n++) aside = `${file}.damaged-${time}-${n}`;
  return aside;
}

/** Renames a complete recovered database to the database's name, and the old one to `aside`. */
function finishRecovery(file: string, aside = asideName(file)): void {
  if (!existsSync(complete(file))) return;
  // The log first: SQLite would apply the old log to the new database.
  for (const part of ['-wal', '-shm', '']) {
    if (existsSync(file + part)) renameSync(file + part, aside + part);
  }
  renameSync(complete(file), file);
  sync(dirname(file));
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/** Removes queued entries that can't be delivered, because their session or their body is missing, and logs their number. */
function removeUndeliverable(db: Connection, log: Logger): void {
  const count = db.transaction(() => removeOrphans(db))();
  if (count === 0) return;
  recordLoss(db, { at: Date.now(), aside: undefined, messages: count, places: 0 });
  log.error({ count }, 'queued messages without a session or a body were removed');
}
