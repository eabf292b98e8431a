/** Interval of the commits of a steady stream of single messages, so that many of them share the pages of an SD card. */
const PACING_MS = 40;
/**
 * The interval of a stream that has lasted for so many waits, with messages in the second half of each: no client waits
 * for an acknowledgement.
 */
const STEADY_PACING_MS = 100;
const STEADY = 25;
/** Commits without a wait before pacing begins; each interval allows one more. */
const BURST = 8;
/** So many messages, or bytes of them, are committed immediately: they nearly fill the pages of a commit. */
const FULL = 64;
const FULL_BYTES = 16 * 1024;
/** A message that arrives so long after the first is not part of the same burst. */
const LATE_MS = 4;
/** With at least so many late messages, waiting saves pages. */
const WORTHWHILE = 2;
/**
 * Waiting also saves pages if a commit then has so many times the messages of one without a wait: the client's TCP sends
 * nothing before the acknowledgement (Nagle's algorithm), and then all that was published in the meantime.
 */
const MANY_TIMES = 4;
/** Weights of the latest commit in the mean number of messages: of one without a wait, of one after a wait. */
const WEIGHTS = [1 / 16, 1 / 64] as const;
/** Commits without a wait after a wait in which nothing arrived; doubled each time, up to the second value. */
const UNPACED = [16, 512] as const;

/**
 * Decides how long a commit waits for more messages. A commit writes whole pages: a stream of single messages writes
 * a tenth of the pages if the messages of 40 ms share a commit. A client that sends its next message only after
 * the acknowledgement gains nothing from that: if nothing arrives during a wait, the next commits do not wait.
 */
export class CommitPacer {
  readonly #now: () => number;
  readonly #isStream: () => boolean;
  #credit: number = BURST;
  #creditAt: number;
  #waiting = 0;
  #bytes = 0;
  #since = 0;
  #late = 0;
  /** Messages in the second half of the wait. */
  #inSecondHalf = 0;
  #waited = false;
  /** Waits, one after the other, with messages in their second half. */
  #steady = 0;
  /** Messages in a commit without a wait. */
  #mean = 1;
  #followsWait = false;
  #unpaced = 0;
  #next: number = UNPACED[0];

  /** `now` returns milliseconds on a monotonic clock; `isStream` whether it is known that no client waits. */
  constructor(now: () => number, isStream: () => boolean) {
    this.#now = now;
    this.#isStream = isStream;
    this.#creditAt = now();
  }

  /** A change was added to the next commit; `bytes` is the length of a message's body. */
  arrived(bytes: number): void {
    this.#bytes += bytes;
    if (this.#waiting++ === 0) this.#since = this.#now();
    else if (this.#waited) {
      const ms = this.#now() - this.#since;
      if (ms > LATE_MS) this.#late++;
      if (ms > this.#pacingMs / 2) this.#inSecondHalf++;
    }
  }

  get #pacingMs(): number {
    return this.#steady >= STEADY || this.#isStream() ? STEADY_PACING_MS : PACING_MS;
  }

  /** Milliseconds for which the next commit should still wait. */
  get delay(): number {
    if (this.#waiting >= FULL || this.#bytes >= FULL_BYTES) return 0;
    const now = this.#now();
    this.#credit = Math.min(BURST, this.#credit + (now - this.#creditAt) / this.#pacingMs);
    this.#creditAt = now;
    if (!this.#waited && (this.#credit >= 1 || this.#unpaced > 0)) return 0;
    const left = this.#since + this.#pacingMs - now;
    if (left <= 0) return 0;
    this.#waited = true;
    return left;
  }

  /** The commit begins. */
  began(): void {
    if (this.#waited) this.#assessWait();
    else this.#countUnpaced();
    this.#credit = Math.max(0, this.#credit - 1);
    this.#waiting = 0;
    this.#bytes = 0;
    this.#late = 0;
    this.#inSecondHalf = 0;
    this.#waited = false;
  }

  #assessWait(): void {
    this.#steady = this.#inSecondHalf >= WORTHWHILE ? this.#steady + 1 : 0;
    if (this.#late >= WORTHWHILE) this.#next = UNPACED[0];
    else if (this.#hasMany) {
      this.#next = UNPACED[0];
      // From time to time the client is tried without a wait: it may have as many messages then.
      this.#addToMean(WEIGHTS[1]);
    } else {
      this.#unpaced = this.#next;
      this.#next = Math.min(this.#next * 2, UNPACED[1]);
      this.#followsWait = true;
    }
  }

  #countUnpaced(): void {
    const follows = this.#followsWait;
    this.#followsWait = false;
    if (this.#unpaced > 0) this.#unpaced--;
    if (!follows) return this.#addToMean(WEIGHTS[0]);
    if (!this.#hasMany) return;
    this.#unpaced = 0;
    this.#next = UNPACED[0];
  }

  get #hasMany(): boolean {
    return this.#waiting >= MANY_TIMES * this.#mean;
  }

  #addToMean(weight: number): void {
    this.#mean += (this.#waiting - this.#mean) * weight;
  }
}
