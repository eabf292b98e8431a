import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import type { WriteError } from './commit/writer.ts';
import { databaseFile } from './database/data-folder.ts';
import { shareOf } from './database/database.ts';
import {
  DATABASE_MISSING,
  DATABASE_REPLACED,
  isFull,
  isReadOnly,
  LOG_MISSING,
} from './database/sqlite-errors.ts';

/** Another file has the name of the database; `kept` is the file with what was acknowledged. */
export function describeReplaced(folder: string, kept: string): string {
  return `${databaseFile(folder)} was replaced while the gateway runs, all that was acknowledged is in ${kept}: stop the gateway, give the file to be used the name, and start it; QoS 1 and 2 messages are not acknowledged until then`;
}

/** Why the disk does not take commits, and what to do, in one sentence. */
export function describeWriteError({ code, message }: WriteError, folder: string): string {
  const effect = 'QoS 1 and 2 messages are not acknowledged until it does';
  if (code === DATABASE_REPLACED) return describeReplaced(folder, message);
  if (code === DATABASE_MISSING || code === LOG_MISSING) {
    const part = code === LOG_MISSING ? '-wal' : '';
    return `${databaseFile(folder)}${part} was deleted while the gateway runs: it is written again from what is still open; ${effect}`;
  }
  if (isFull(code) && hasItsShare(folder)) {
    return `the database has taken its share, half of the file system of ${folder}: purge a queue (cellgate queue list), or give it a larger one; ${effect}`;
  }
  if (isFull(code) || isDiskFull(folder)) {
    return `no space left for ${folder}: free some; ${effect}`;
  }
  if (isReadOnly(code) || isMountReadOnly(folder)) {
    return `${folder} is read-only: remount it writable; ${effect}`;
  }
  return `${folder} does not take writes (${code}); ${effect}`;
}

/** Whether the database has reached its share of the file system; a part of it may still be in the write-ahead log. */
function hasItsShare(folder: string): boolean {
  const file = databaseFile(folder);
  const bytes = sizeOf(file) + sizeOf(`${file}-wal`);
  return !isDiskFull(folder) && bytes >= shareOf(file) * 0.75;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** SQLite needs at least this much to open a database. */
const MIN_FREE_BYTES = 64 * 1024;

function isDiskFull(folder: string): boolean {
  const free = freeBytes(folder);
  return free !== null && free < MIN_FREE_BYTES;
}

/** Free bytes of the file system of a folder; null if unknown. */
export function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function isMountReadOnly(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}
