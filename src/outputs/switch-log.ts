import type { Logger } from 'pino';
import { LineBudget } from '../base/line-budget.ts';

/** Of a line: `warn` where no client has asked for the change. */
export type Level = 'info' | 'warn';

/** Changes that are logged at once, and in the long run. */
const MOST_LINES = 20;
const LINES_PER_MINUTE = 6;

/**
 * Logs what changes one output and why. Of many changes a second some are only counted; the last one is always logged,
 * at most ten seconds later.
 */
export class SwitchLog {
  readonly #log: Logger;
  readonly #name: string;
  readonly #budget: LineBudget;
  /** The last change, which has no line yet. */
  #waiting: { readonly level: Level; readonly what: string } | undefined;
  /** Changes before it without a line. */
  #skipped = 0;

  /** `now` in milliseconds on a monotonic clock. */
  constructor(log: Logger, name: string, now: () => number) {
    this.#log = log;
    this.#name = name;
    this.#budget = new LineBudget(now, MOST_LINES, LINES_PER_MINUTE);
  }

  /** A change, such as `switched on by user "anna"`. */
  changed(level: Level, what: string): void {
    if (this.#waiting) this.#skipped++;
    this.#waiting = { level, what };
    this.flush();
  }

  /** Logs the change that waits, where there is room for a line. */
  flush(): void {
    if (this.#waiting && this.#budget.take()) this.#write(this.#waiting);
  }

  /** Logs the change that waits in any case. */
  close(): void {
    if (this.#waiting) this.#write(this.#waiting);
  }

  #write({ level, what }: { readonly level: Level; readonly what: string }): void {
    const count = this.#skipped;
    const others = count === 0 ? '' : `; ${count} changes before it are not in the log`;
    this.#log[level](`output ${this.#name}: ${what}${others}`);
    this.#waiting = undefined;
    this.#skipped = 0;
  }
}
