import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';

/** The results of the reads of one sensor, for its status. A failure is logged when its reason changes, and when it ends. */
export class SensorCondition {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  #failure: string | undefined;
  #failures = 0;
  #missed = 0;
  #lastRead: number | undefined;
  #progressAt: number;

  constructor(name: string, clock: Clock, log: Logger) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
    this.#progressAt = clock.monotonic();
  }

  /** Why the last try failed; undefined while reads succeed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Tries in a row that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Deadlines missed because a read took too long. */
  get missed(): number {
    return this.#missed;
  }

  /** Milliseconds since the Unix epoch of the last read that succeeded. */
  get lastRead(): number | undefined {
    return this.#lastRead;
  }

  /** Milliseconds since the last progress. */
  idleMs(): number {
    return this.#clock.monotonic() - this.#progressAt;
  }

  succeed(): void {
    if (this.#failure !== undefined) {
      this.#log.info({ failures: this.#failures }, `sensor ${this.#name}: reads again`);
    }
    this.#failure = undefined;
    this.#failures = 0;
    this.#lastRead = this.#clock.wall();
  }

  /** Returns the reason of the error, for the readings. */
  fail(error: unknown): string {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== this.#failure) {
      this.#log.warn({ err: error }, `sensor ${this.#name}: ${reason}`);
    }
    this.#failure = reason;
    this.#failures += 1;
    return reason;
  }

  /** A try has ended; `missed` deadlines passed meanwhile. */
  progress(missed = 0): void {
    this.#missed += missed;
    this.#progressAt = this.#clock.monotonic();
  }
}
