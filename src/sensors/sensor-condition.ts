import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { TroubleEvent, TroubleLog } from '../base/trouble-log.ts';
import { sharedFault } from '../buses/bus-error.ts';

/**
 * How the reads of one sensor go, for its status. A failure is logged when its reason changes, and when it ends; by the
 * log of troubles those of many sensors together.
 */
export class SensorCondition {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #troubles: TroubleLog | undefined;
  #failure: string | undefined;
  #failures = 0;
  #missed = 0;
  #lastRead: number | undefined;
  #progressAt: number;

  constructor(name: string, clock: Clock, log: Logger, troubles?: TroubleLog) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
    this.#troubles = troubles;
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
      const sentence = `sensor ${this.#name}: reads again`;
      if (this.#troubles) this.#troubles.ended(this.#event('read again', sentence));
      else this.#log.info({ failures: this.#failures }, sentence);
    }
    this.#failure = undefined;
    this.#failures = 0;
    this.#lastRead = this.#clock.wall();
  }

  /** Returns the reason of the error, for the readings. */
  fail(error: unknown): string {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== this.#failure) {
      const sentence = `sensor ${this.#name}: ${reason}`;
      if (this.#troubles) this.#troubles.began({ ...this.#event(reason, sentence), error });
      else this.#log.warn({ err: error }, sentence);
    }
    this.#failure = reason;
    this.#failures += 1;
    return reason;
  }

  #event(cause: string, sentence: string): TroubleEvent {
    const shared = sharedFault(cause);
    return { kind: 'sensor', name: this.#name, cause, shared, log: this.#log, sentence };
  }

  /** A try has ended; `missed` deadlines passed meanwhile. */
  progress(missed = 0): void {
    this.#missed += missed;
    this.#progressAt = this.#clock.monotonic();
  }
}
