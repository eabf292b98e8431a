import type { Logger } from 'pino';
import type { Journal } from './journal.ts';
import type { Writer } from './writer.ts';

export interface IdleSpaceParts {
  readonly writer: Pick<Writer, 'giveBack'>;
  readonly journal: Pick<Journal, 'counts' | 'unansweredMs'>;
  readonly log: Logger;
}

/** Commits between two polls at which the disk counts as idle: five a second. */
const IDLE_COMMITS = 300;

/** Milliseconds between two polls. */
export const POLL_MS = 60_000;

/** Gives free space of the database back to the file system while there is little to commit. */
export class IdleSpace {
  readonly #parts: IdleSpaceParts;
  #commits: number;

  constructor(parts: IdleSpaceParts) {
    this.#parts = parts;
    this.#commits = parts.journal.counts.commits;
  }

  /** To be called each `POLL_MS`. A failure is logged, and the next poll tries again. */
  async poll(): Promise<void> {
    const { writer, journal, log } = this.#parts;
    const { commits } = journal.counts;
    const isIdle = commits - this.#commits < IDLE_COMMITS && journal.unansweredMs === 0;
    this.#commits = commits;
    if (!isIdle) return;
    try {
      const bytes = await writer.giveBack();
      if (bytes > 0) log.info({ bytes }, 'free space of the database is given back');
    } catch (error) {
      log.warn({ err: error }, 'free space of the database is not given back');
    }
  }
}
