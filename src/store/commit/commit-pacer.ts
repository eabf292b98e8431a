/** Interval of the commits of a steady stream of single messages, so that many of them share the pages of an SD card. */
const PACING_MS = 40;
/** Commits without a wait before pacing begins; every `PACING_MS` allows one more. */
const BURST = 8;
/** So many messages, or bytes of them, are committed immediately: they nearly fill the pages of a commit. */
const FULL = 64;
const FULL_BYTES = 16 * 1024;
/** A message that arrives so long after the first is not part of the same burst. */
const LATE_MS = 4;
/** With at least so many late messages, waiting saves pages. */
const WORTHWHILE = 2;
/** Commits without a wait after a wait in which nothing arrived; doubled each time, up to the second value. */
const UNPACED = [16, 512] as const;

/**
 * Decides how long a commit waits for more messages. A commit writes whole pages: a stream of single messages writes
 * a tenth of the pages if the messages of 40 ms share a commit. A client that sends its next message only after
 * the acknowledgement gains nothing from that: if nothing arrives during a wait, the next commits do not wait.
 */
export class CommitPacer {
  readonly #now: () => number;
  #credit: number = BURST;
  #creditAt: number;
  #waiting = 0;
  #bytes = 0;
  #since = 0;
  #late = 0;
  #waited = false;
  #unpaced = 0;
  #next: number = UNPACED[0];

  /** `now` returns milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
    this.#creditAt = now();
  }

  /** A change was added to the next commit; `bytes` is the length of a message's body. */
  arrived(bytes: number): void {
    this.#bytes += bytes;
    if (this.#waiting++ === 0) this.#since = this.#now();
    else if (this.#waited && this.#now() - this.#since > LATE_MS) this.#late++;
  }

  /** Milliseconds for which the next commit should still wait. */
  get delay(): number {
    if (this.#waiting >= FULL || this.#bytes >= FULL_BYTES) return 0;
    const now = this.#now();
    this.#credit = Math.min(BURST, this.#credit + (now - this.#creditAt) / PACING_MS);
    this.#creditAt = now;
    if (!this.#waited && (this.#credit >= 1 || this.#unpaced > 0)) return 0;
    const left = this.#since + PACING_MS - now;
    if (left <= 0) return 0;
    this.#waited = true;
    return left;
  }

  /** The commit begins. */
  began(): void {
    if (this.#waited) {
      if (this.#late >= WORTHWHILE) this.#next = UNPACED[0];
      else {
        this.#unpaced = this.#next;
        this.#next = Math.min(this.#next * 2, UNPACED[1]);
      }
    } else if (this.#unpaced > 0) this.#unpaced--;
    this.#credit = Math.max(0, this.#credit - 1);
    this.#waiting = 0;
    this.#bytes = 0;
    this.#late = 0;
    this.#waited = false;
  }
}
