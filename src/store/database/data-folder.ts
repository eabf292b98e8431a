import { accessSync, constants, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openFile, openReadOnly } from './sqlite.ts';
import { errorCode, isBusy, isDamage } from './sqlite-errors.ts';

const FILE = 'cellgate.db';

/** The database file inside a data folder. */
export function databaseFile(folder: string): string {
  return join(folder, FILE);
}

function lockFile(folder: string): string {
  return join(folder, 'lock');
}

/** The remedy for errors without a known cause. */
export const CHANGE_FOLDER = "change 'data' in the config";
const REMEDIES: Readonly<Record<string, string>> = {
  EEXIST: 'move away the file that has its name',
  ENOTDIR: 'move away the file that is in its path',
  EROFS: 'remount its file system writable',
  ENOSPC: 'free some space',
};

/** Creates the data folder if it is missing; throws one sentence if it can't be used. */
export function prepareFolder(folder: string): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.R_OK | constants.X_OK);
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // Mounted read-only: the data can be read, and the mount may change.
    if (code === 'EROFS' && existsSync(folder)) return;
    const remedy = REMEDIES[code ?? ''] ?? 'make it writable for this user';
    throw new Error(
      `can't write to the data folder ${folder} (${code ?? message}): ${remedy}, or ${CHANGE_FOLDER}`,
      { cause },
    );
  }
}

/** Not `recursive`: Node never returns if a file system answers ENOENT below an existing folder. */
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
 * Locks the folder for this process until the returned function is called or the process ends.
 * The kernel releases the lock when the process ends, so no stale lock remains. What is no lock file but has its name is
 * renamed. Throws a sentence if another process has locked the folder, SQLite's error if the disk accepts no lock file.
 */
export function lockFolder(folder: string): () => void {
  const file = lockFile(folder);
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) setAside(file);
  try {
    return lockedBy(file);
  } catch (cause) {
    if (isBusy(errorCode(cause))) {
      throw new Error(
        `the data folder ${folder} is in use by another cellgate: stop that one, or ${CHANGE_FOLDER}`,
        { cause },
      );
    }
    // A process that holds the lock would have been found first.
    if (!isDamage(errorCode(cause))) throw cause;
  }
  setAside(file);
  return lockedBy(file);
}

function lockedBy(file: string): () => void {
  const lock = openFile(file, 0);
  try {
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw cause;
  }
  return () => lock.close();
}

function setAside(file: string): void {
  renameSync(file, `${file}.damaged-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`);
}

/** Whether the folder has a lock file. */
export function isLocked(folder: string): boolean {
  return existsSync(lockFile(folder));
}

/** Whether a running gateway has locked the folder; false if that is unknown. */
export function isInUse(folder: string): boolean {
  try {
    const lock = openReadOnly(lockFile(folder), 0);
    try {
      lock.pragma('user_version');
    } finally {
      lock.close();
    }
  } catch (error) {
    return isBusy(errorCode(error));
  }
  return false;
}
