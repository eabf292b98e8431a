import Database from 'better-sqlite3';

export type Connection = Database.Database;
export type Statement = Database.Statement<unknown[]>;

/** How long a statement waits while another connection has locked the database. */
const BUSY_MS = 5000;

/** Opens or creates the file, whatever version its data has. Throws SQLite's error. */
export function openFile(file: string, busyMs: number = BUSY_MS): Connection {
  return new Database(file, { timeout: busyMs });
}

/** Opens the file for reading; a gateway may write to it at the same time. Throws SQLite's error. */
export function openReadOnly(file: string, busyMs: number = BUSY_MS): Connection {
  return new Database(file, { readonly: true, timeout: busyMs });
}

/** An empty database in memory. */
export function openMemory(): Connection {
  return new Database(':memory:');
}

/** A database in memory with the content of a database file. Throws SQLite's error. */
export function openBytes(bytes: Buffer): Connection {
  return new Database(bytes);
}

/** Moves the write-ahead log into the database; false if another connection still reads from it. Throws SQLite's error. */
export function emptyLog(db: Connection): boolean {
  const [{ busy }] = db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }];
  return busy === 0;
}

/** SQLite's error with its extended result code, for example `SQLITE_IOERR_FSYNC`. */
export function isSqliteError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Database.SqliteError;
}
