import { nextBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';

export interface ReconnectPausesParts {
  /** `reconnectMax`. */
  readonly longestMs: number;
  /** From 0 to below 1. */
  random(): number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Pauses up to this length follow an outage of any length. */
const SHORT_MS = 3000;

/**
 * The pauses between the attempts to reach a plant: random, growing, and never longer than half of the outage so far. So
 * all gateways of a plant that was away for a minute are back within half a minute, and not in the same second.
 */
export class ReconnectPauses {
  readonly #parts: ReconnectPausesParts;
  #lastMs = 0;
  /** When the outage began. */
  #since: number;

  constructor(parts: ReconnectPausesParts) {
    this.#parts = parts;
    this.#since = parts.clock.monotonic();
  }

  /** The connection has worked until this moment: the pauses start again with the shortest. */
  restart(): void {
    this.#lastMs = 0;
    this.#since = this.#parts.clock.monotonic();
  }

  /** Milliseconds until the next attempt. */
  next(): number {
    const { longestMs, random, clock } = this.#parts;
    const half = (clock.monotonic() - this.#since) / 2;
    const most = Math.min(longestMs, Math.max(SHORT_MS, half));
    // Chosen below the limit, not cut at it: many gateways would have the same pause.
    this.#lastMs = nextBackoff(Math.min(this.#lastMs, most / 3), most, random);
    return this.#lastMs;
  }
}
