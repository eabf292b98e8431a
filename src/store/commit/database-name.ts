import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { prepareFolder } from '../database/data-folder.ts';
import { type Connection, emptyLog, openFile } from '../database/sqlite.ts';
import {
  DATABASE_MISSING,
  DATABASE_REPLACED,
  errorCode,
  LOG_MISSING,
} from '../database/sqlite-errors.ts';
import { FileIdentity } from './file-identity.ts';

/** The shortest time between two checks of the files. */
const CHECK_MS = 1000;
/** Pages copied in one step; requests are answered between two steps. */
const PAGES_IN_STEP = 500;

/** The database has lost its name: the batch may be written later. */
export class NameLostError extends Error {
  readonly code: string;

  /** `kept` is the file that has, or will have, what was in the database. */
  constructor(code: string, kept: string) {
    super(kept);
    this.code = code;
  }
}

/** The log was deleted, and can't be moved into the database yet: the batch may be written later. */
class LogMissingError extends Error {
  readonly code = LOG_MISSING;
}

/**
 * Watches over the name of an open database. SQLite still writes to a file that was deleted or replaced; what
 * is acknowledged then is gone with the process. A deleted database is written again under its name. Where another
 * file has the name, the content is kept beside it, and the operator decides.
 */
export class DatabaseName {
  readonly #file: string;
  readonly #db: Connection;
  readonly #identity: FileIdentity;
  #checkedAt = 0;
  #kept: string | undefined;
  #copying: Promise<void> | undefined;
  /** The copy is complete: nothing was committed since then. */
  #copied = false;
  /** The copy has the name of the database. */
  #inPlace = false;

  constructor(file: string, db: Connection) {
    this.#file = file;
    this.#db = db;
    this.#identity = new FileIdentity(file);
  }

  /**
   * Checks the files, at most once a second unless it is `urgent`. Throws NameLostError while the database has
   * lost its name. `reopen`: the connection must be closed and opened again before anything is written.
   */
  check(urgent: boolean): 'fine' | 'reopen' {
    if (this.#inPlace) return 'reopen';
    const now = performance.now();
    const isDue = urgent || this.#kept !== undefined || now - this.#checkedAt >= CHECK_MS;
    if (!isDue) return 'fine';
    const identity = this.#identity.check();
    if (identity === 'same') {
      this.#checkedAt = now;
      this.#kept = undefined;
      this.#copied = false;
      return 'fine';
    }
    if (identity === 'log-missing') return this.#saveLog();
    if (identity === 'missing' && this.#copied && this.#putInPlace()) return 'reopen';
    this.#kept ??= `${this.#file}.kept-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
    this.#copy(this.#kept);
    throw new NameLostError(
      identity === 'missing' ? DATABASE_MISSING : DATABASE_REPLACED,
      this.#kept,
    );
  }

  /** Ends the copy if there is one to make; resolves with its name if the database has lost its own to another file. */
  async finish(): Promise<string | undefined> {
    for (;;) {
      try {
        this.check(true);
        return undefined;
      } catch (error) {
        if (!(error instanceof NameLostError)) throw error;
        await this.#copying;
        if (!this.#copied) throw error;
        if (error.code === DATABASE_REPLACED) return this.#kept;
      }
    }
  }

  /** Moves all of the log that was deleted into the database; not yet while another connection reads from it. */
  #saveLog(): 'reopen' {
    if (!emptyLog(this.#db)) throw new LogMissingError('another connection reads from the log');
    return 'reopen';
  }

  #copy(to: string): void {
    if (this.#copied) return;
    this.#copying ??= copyDatabase(this.#db, to)
      .then(() => {
        this.#copied = true;
        // At once: if the process ended before the next commit, the next start would find no database.
        if (this.#identity.check() === 'missing') this.#putInPlace();
      })
      .catch(() => undefined)
      .finally(() => {
        this.#copying = undefined;
      });
  }

  /** Gives the copy the name of the database; false where another file has it in the meantime. */
  #putInPlace(): boolean {
    // What is left of the log belongs to the deleted file.
    for (const part of ['-wal', '-shm']) rmSync(this.#file + part, { force: true });
    try {
      linkSync(this.#kept!, this.#file);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
    rmSync(this.#kept!);
    synchronise(dirname(this.#file));
    this.#inPlace = true;
    return true;
  }
}

/** Resolves when the copy is on disk under its name; rejects without a copy where the disk does not take it. */
async function copyDatabase(db: Connection, to: string): Promise<void> {
  const part = `${to}.part`;
  prepareFolder(dirname(to));
  try {
    closeSync(openSync(part, 'wx', 0o600));
    await db.backup(part, { progress: () => PAGES_IN_STEP });
    const copy = openFile(part);
    copy.pragma('journal_mode = DELETE');
    copy.close();
    synchronise(part);
    renameSync(part, to);
    synchronise(dirname(to));
  } finally {
    for (const left of ['', '-journal', '-wal', '-shm']) rmSync(part + left, { force: true });
  }
}

function synchronise(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
