/** A steady stream of single messages is committed this often, so that a card's pages are shared by many. */
const PACING_MS = 40;
/** Commits that may follow each other at once before the pace is kept; one comes back every `PACING_MS`. */
const BURST = 8;
/** Messages, and bytes of them, that are worth a commit of their own: its pages are nearly full. */
const FULL = 64;
const FULL_BYTES = 16 * 1024;
/** What comes so long after the first is no part of the same burst. */
const LATE_MS = 4;
const FEW = 2;
/** Commits that begin at once after a wait which brought nothing, doubled from wait to wait up to the second figure. */
const UNPACED = [16, 512] as const;

/**
 * Says how long a commit waits for company. Each writes whole pages, so a stream of messages that come
 * one by one costs a tenth when forty milliseconds of it share a commit. But a client that sends its next
 * message only when this one is acknowledged gains nothing: where a wait brings nothing more, the next
 * commits begin at once.
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

  /** `now` gives milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
    this.#creditAt = now();
  }

  /** Something was handed in for the next commit; `bytes` is the length of a message's body. */
  arrived(bytes: number): void {
    this.#bytes += bytes;
    if (this.#waiting++ === 0) this.#since = this.#now();
    else if (this.#waited && this.#now() - this.#since > LATE_MS) this.#late++;
  }

  /** Milliseconds that the next commit should still wait. */
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
      if (this.#late >= FEW) this.#next = UNPACED[0];
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
