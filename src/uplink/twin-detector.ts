import type { Ending } from './failures.ts';

export interface TwinDetectorParts {
  /** Sends a probe soon, which the other gateway answers in the same way. */
  probeSoon(): void;
  /** Another gateway uses the topic of the probe, or does no longer. */
  changed(present: boolean): void;
}

/** So long after its last probe the other gateway counts as gone. */
const GONE_MS = 10_000;
/** While there is another gateway, both send probes at this interval. */
export const TWIN_PROBE_MS = 3000;

/**
 * Finds another gateway that uses the same topics at the plant under another client id: each sees the probes of the
 * other. One such probe may be a late one of this gateway's last run; the second proves it.
 */
export class TwinDetector {
  present = false;
  readonly #parts: TwinDetectorParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: TwinDetectorParts) {
    this.#parts = parts;
  }

  /** A probe of another gateway was received. */
  seen(): void {
    const isSecond = this.#timer !== undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#gone(), GONE_MS);
    if (this.present) return;
    if (isSecond) {
      this.present = true;
      this.#parts.changed(true);
    }
    this.#parts.probeSoon();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.present = false;
  }

  #gone(): void {
    const was = this.present;
    this.stop();
    if (was) this.#parts.changed(false);
  }
}

/** After so many connections of this kind, the cause is another client with the same client id. */
const TAKEOVERS = 3;
/** Two gateways that take each other's place pause for less than this between two attempts. */
export const TAKEOVER_MS = 90_000;

/**
 * Finds another client with the same client id at a plant that gives no reason when it closes a connection: each
 * connection works, then it is closed while no message is on its way.
 */
export class TakeoverPattern {
  #count = 0;
  /** The address of the last connection: what happens at another one has another cause. */
  #url = '';

  get suspected(): boolean {
    return this.#count >= TAKEOVERS;
  }

  /** A connection has ended; `worked` if all was well and nothing was in flight. */
  ended(ending: Ending, worked: boolean, upMs: number): void {
    const { reached, refusal, disconnect, sentence, silent } = ending;
    const unexplained =
      reached === 'session' &&
      [refusal, disconnect, sentence, silent].every((each) => each === undefined);
    if (upMs >= TAKEOVER_MS || ending.url !== this.#url) this.#count = 0;
    this.#url = ending.url;
    if (upMs >= TAKEOVER_MS) return;
    if (unexplained && worked) this.#count++;
  }
}
