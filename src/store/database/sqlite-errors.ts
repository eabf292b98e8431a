/**
 * The meaning of SQLite's result codes [sqlite.org/rescode.html] and the kernel's error codes for the store.
 * An extended code begins with its primary one: `SQLITE_IOERR_FSYNC`.
 */

/** Codes of the store itself: the database or its log was deleted, or another file has its name. */
export const DATABASE_MISSING = 'DATABASE_MISSING';
export const LOG_MISSING = 'DATABASE_LOG_MISSING';
export const DATABASE_REPLACED = 'DATABASE_REPLACED';

/** The code of an error of SQLite or the kernel; '' if it has none. */
export function errorCode(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** The disk, or the database's share of it, is full. */
export function isFull(code: string): boolean {
  return code === 'SQLITE_FULL';
}

/** Another connection has locked the database. */
export function isBusy(code: string): boolean {
  return code === 'SQLITE_BUSY';
}

/** The file, its folder or the mount is read-only. */
export function isReadOnly(code: string): boolean {
  return code.startsWith('SQLITE_READONLY');
}

/** The file does not contain what SQLite wrote. */
export function isDamage(code: string): boolean {
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ|IOERR_READ|IOERR_CORRUPTFS)/.test(code);
}

/** The disk accepts no writes: it is full, read-only or failing. */
export function isWriteFailure(code: string): boolean {
  return /^(SQLITE_(FULL|READONLY|CANTOPEN|IOERR|PERM)|EROFS$|ENOSPC$|EDQUOT$)/.test(code);
}

/** The database or its log has lost its name; the connection to it still works. */
export function isNameLost(code: string): boolean {
  return code === DATABASE_MISSING || code === LOG_MISSING || code === DATABASE_REPLACED;
}

/** One change of the commit can't be written, whatever the state of the disk: its values are wrong or too large. */
export function isFaultOfChange(code: string): boolean {
  return /^(ERROR$|ERR_|SQLITE_(TOOBIG|CONSTRAINT|MISMATCH|RANGE))/.test(code);
}

/** The same commit may succeed later; any other code means damage or a fault of the program. */
export function isTransient(code: string): boolean {
  return (
    isNameLost(code) ||
    /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|BUSY|LOCKED|PERM|AUTH|NOMEM|PROTOCOL)/.test(code)
  );
}
