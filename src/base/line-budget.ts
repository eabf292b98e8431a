const MINUTE_MS = 60_000;

/** How many lines may be logged: many at once, then few a minute, so that no flood makes the log grow without bound. */
export class LineBudget {
  readonly #now: () => number;
  readonly #most: number;
  readonly #perMinute: number;
  #left: number;
  #at: number;

  /** `now` in milliseconds on a monotonic clock; `most` at once, `perMinute` in the long run. */
  constructor(now: () => number, most = 1000, perMinute = 20) {
    this.#now = now;
    this.#most = most;
    this.#perMinute = perMinute;
    this.#left = most;
    this.#at = now();
  }

  /** Whether one more line may be logged, which is counted then. */
  take(): boolean {
    const now = this.#now();
    const gained = ((now - this.#at) * this.#perMinute) / MINUTE_MS;
    this.#left = Math.min(this.#most, this.#left + gained);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
