/** Wrong passwords of one user from one address without a pause. */
const FREE = 3;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** After this time without a wrong password they are forgotten. */
const FORGOTTEN_MS = 10 * 60_000;
/** Pairs of address and user that are kept; the oldest is dropped. */
const PAIRS = 10_000;

/** Slows down password guessing: after three wrong ones each costs a pause, doubled each time up to a minute. */
export class LoginThrottle {
  readonly #now: () => number;
  readonly #wrong = new Map<string, { count: number; at: number }>();

  /** `now` returns milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds before this user may try again from this address; 0 for immediately. */
  pause(address: string, user: string): number {
    const wrong = this.#wrong.get(key(address, user));
    if (!wrong || wrong.count < FREE) return 0;
    const since = this.#now() - wrong.at;
    if (since > FORGOTTEN_MS) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (wrong.count - FREE));
    return Math.max(0, pause - since);
  }

  wrong(address: string, user: string): void {
    const pair = key(address, user);
    const before = this.#wrong.get(pair);
    const now = this.#now();
    const count = before && now - before.at < FORGOTTEN_MS ? before.count + 1 : 1;
    this.#wrong.delete(pair);
    if (this.#wrong.size >= PAIRS) this.#wrong.delete(this.#wrong.keys().next().value!);
    this.#wrong.set(pair, { count, at: now });
  }

  right(address: string, user: string): void {
    this.#wrong.delete(key(address, user));
  }
}

function key(address: string, user: string): string {
  return `${address} ${user}`;
}
