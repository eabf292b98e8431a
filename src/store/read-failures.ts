import type { Logger } from 'pino';

/** A read that fails is tried again each second: without a failure for so long, it works again. */
const OVER_MS = 10_000;
/** The same failure is logged once in this time. */
const LOG_AGAIN_MS = 600_000;

/** Reads of queued messages that failed. The messages stay where they are, and the read is tried again. */
export class ReadFailures {
  /** Since the start. */
  count = 0;
  readonly #log: Logger;
  readonly #folder: string;
  readonly #now: () => number;
  #trouble = '';
  #failedAt = Number.NEGATIVE_INFINITY;
  #loggedAt = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds on a monotonic clock. */
  constructor(log: Logger, folder: string, now: () => number) {
    this.#log = log;
    this.#folder = folder;
    this.#now = now;
  }

  /** A read has failed. */
  failed(error: unknown): void {
    const before = this.#trouble;
    this.count++;
    this.#failedAt = this.#now();
    this.#trouble = `queued messages can't be read from ${this.#folder} (${(error as Error).message}): they wait, and the read is tried again each second; check the disk`;
    if (this.#trouble === before && this.#failedAt - this.#loggedAt < LOG_AGAIN_MS) return;
    this.#loggedAt = this.#failedAt;
    this.#log.error({ err: error }, this.#trouble);
  }

  /** What is wrong at present; undefined if nothing is. */
  get trouble(): string | undefined {
    return this.#now() - this.#failedAt < OVER_MS ? this.#trouble : undefined;
  }
}
