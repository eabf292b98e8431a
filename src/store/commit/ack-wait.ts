/** Half of the longest time that an entry waits for the acknowledgement of its subscriber before it is written. */
const SHORT_MS = 3;
/** The same in a stream whose subscribers acknowledge within that time: then nothing of it is written. */
const LONG_MS = 40;
/** A stream has so many entries in each window, for so many windows; a faster one fills the pages of its commits. */
const WINDOW_MS = 100;
const LEAST = 5;
const MOST = 128;
const STEADY = 10;
/**
 * With more than this part of the entries of a second not acknowledged, a long wait saves no commit. A second, because
 * those behind the readings that many sensors give at once may be late.
 */
const UNACKNOWLEDGED = 1 / 4;
/** With less than this part of the entries of before, their publishers wait for the acknowledgement themselves. */
const SLOWED = 3 / 4;
/** Windows for which what is known of a stream holds while its subscriber is away. */
const KEPT = 600;
/** Windows before the next long wait, where one was of no use; doubled each time, up to the second value. */
const PAUSE = [16, 512] as const;

/**
 * Decides how long entries wait for an acknowledgement. Each commit of a few entries writes whole pages; entries of a
 * subscriber that acknowledges in time need no commit. A plant is often 10 to 40 ms away. A single message never waits
 * long, and a stream that becomes slower by it does not: their publishers wait for each acknowledgement.
 */
export class AckWait {
  #inWindow = 0;
  /** Windows of the stream; below zero, how many are left of a pause. */
  #steady = 0;
  #pause: number = PAUSE[0];
  /** Entries of the stream in this second, and in the second before. */
  #inSecond = 0;
  #secondBefore = 0;
  /** Entries of this second that have waited long and were not acknowledged. */
  #late = 0;
  /** Entries of this window whose subscriber is away, and windows that had more of these than others. */
  #absent = 0;
  #absentWindows = 0;
  #window: NodeJS.Timeout | undefined;

  /** An entry begins to wait. */
  arrived(): void {
    this.#inWindow++;
    this.#window ??= setTimeout(this.#nextWindow, WINDOW_MS).unref();
  }

  /** An entry does not wait, as its subscriber is away. What is known of the stream holds for a minute. */
  passed(): void {
    if (this.#steady < STEADY) return;
    this.#absent++;
    this.#window ??= setTimeout(this.#nextWindow, WINDOW_MS).unref();
  }

  /** A stream has become no slower by a long wait: its publishers do not wait for each acknowledgement. */
  get isProven(): boolean {
    return this.#steady >= 2 * STEADY;
  }

  /** Half of the longest wait, in milliseconds. */
  get ms(): number {
    return this.#steady >= STEADY ? LONG_MS : SHORT_MS;
  }

  /** Entries have waited for `ms`, and so many of them are not acknowledged. */
  waited(unacknowledged: number): void {
    if (this.#steady < STEADY) return;
    this.#late += unacknowledged;
    if (this.#late > this.#secondBefore * UNACKNOWLEDGED) this.#waitShort();
  }

  #waitShort(): void {
    this.#steady = -this.#pause;
    this.#pause = Math.min(this.#pause * 2, PAUSE[1]);
  }

  /** Counts a window of a stream. The first second has a short wait, all others a long one. */
  #countWindow(): void {
    this.#inSecond += this.#inWindow;
    if (this.#steady % STEADY > 0) return;
    const isSlowed = this.#inSecond < SLOWED * this.#secondBefore;
    const isFirstLong = this.#steady === 2 * STEADY;
    this.#secondBefore = this.#inSecond;
    this.#inSecond = this.#late = 0;
    if (isFirstLong && isSlowed) this.#waitShort();
    else if (this.#steady > STEADY) this.#pause = PAUSE[0];
  }

  stop(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
  }

  readonly #nextWindow = (): void => {
    const isAway = this.#absent > this.#inWindow && this.#absentWindows < KEPT;
    this.#absent = 0;
    this.#absentWindows = isAway ? this.#absentWindows + 1 : 0;
    if (isAway) {
      // The second after it says nothing: what is new waits behind all that has been queued.
      this.#steady -= this.#steady % STEADY;
      this.#inSecond = 0;
      this.#late = -this.#secondBefore;
      this.#inWindow = 0;
      this.#window = setTimeout(this.#nextWindow, WINDOW_MS).unref();
      return;
    }
    const isStream = this.#inWindow >= LEAST && this.#inWindow <= MOST;
    if (isStream || this.#steady < 0) this.#steady++;
    else this.#steady = 0;
    if (this.#steady <= 0) this.#inSecond = this.#late = 0;
    else this.#countWindow();
    const isIdle = this.#inWindow === 0;
    this.#inWindow = 0;
    this.#window = isIdle ? undefined : setTimeout(this.#nextWindow, WINDOW_MS).unref();
  };
}
