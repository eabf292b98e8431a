import { statSync } from 'node:fs';

/** What has happened to a database that is open: nothing, one of its files has no name any more, or another has it. */
export type Identity = 'same' | 'missing' | 'replaced' | 'log-missing';

/** The files of a database that is open: SQLite still writes to files that were deleted or replaced. */
export class FileIdentity {
  readonly #file: string;
  readonly #database: string | undefined;
  #log: string | undefined;

  /** Called as the database has been opened. */
  constructor(file: string) {
    this.#file = file;
    this.#database = inodeOf(file);
    this.#log = inodeOf(`${file}-wal`);
  }

  /** Two stat(2) of names in the cache of the kernel: some microseconds. */
  check(): Identity {
    const database = inodeOf(this.#file);
    if (database === undefined) return 'missing';
    if (database !== this.#database) return 'replaced';
    const log = inodeOf(`${this.#file}-wal`);
    // SQLite creates it with the first commit.
    this.#log ??= log;
    return log === this.#log ? 'same' : 'log-missing';
  }
}

function inodeOf(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stats && `${stats.dev} ${stats.ino}`;
}
