/** What may be in flight at the rate of the line: urgent messages wait so long behind it. */
const AHEAD_S = 2;
const LEAST_BYTES = 16 * 1024;
const MOST_BYTES = 1024 * 1024;
/** A measurement that is so old has a third of its weight. */
const FORGET_MS = 5000;
/** A measurement over fewer bytes in a shorter time does not count. */
const FULL_BYTES = 8192;
const FULL_MS = 1000;
/** Bytes that the kernels and proxies on the way may hold without a sign that they move, as long as more wait here. */
const HIDDEN_BYTES = 128 * 1024;
/** The longest time for what the way has taken whole: a plant that hangs looks the same. */
const LONGEST_SLACK_MS = 600_000;
/** The rate that is assumed until it is measured, and the lowest one that is waited for, in bytes a second. */
const ASSUMED = 5000;
const LOWEST = 1000;

const NOTHING = { perSecond: undefined, allTaken: false };

/** Measures how many bytes a second the line takes, by one acknowledged message after the other. */
export class LineRate {
  #perSecond: number | undefined;
  /** Bytes and milliseconds of the measurements, the older the less: so a short one counts little. */
  #measured = { bytes: 0, ms: 0 };
  /** The latest measurement was one of many bytes. */
  #sure = false;
  /** What was seen of the bytes of a message on its way, and whether all bytes in flight have left this machine. */
  #seen: { readonly perSecond: number | undefined; readonly allTaken: boolean } = NOTHING;
  #acknowledged = 0;
  #lastMs = 0;
  /** The message that is being timed. */
  #timed: { readonly packetId: number; readonly at: number; readonly before: number } | undefined;

  /** Bytes a second; undefined before the first acknowledgement. */
  get perSecond(): number | undefined {
    return this.#perSecond;
  }

  /** Whether the next message that is sent is to be reported with `sent`. */
  get idle(): boolean {
    return this.#timed === undefined;
  }

  /** The most bytes in flight. */
  get budget(): number {
    const bytes = (this.#perSecond ?? 0) * AHEAD_S;
    return Math.max(LEAST_BYTES, Math.min(MOST_BYTES, bytes));
  }

  /** How much longer than usual an acknowledgement may take with so many bytes in flight, in milliseconds. */
  slackMs(inFlight: number): number {
    const { perSecond = Number.POSITIVE_INFINITY, allTaken } = this.#seen;
    const rate = Math.max(LOWEST, Math.min(this.#perSecond ?? ASSUMED, perSecond));
    const slackMs = (2000 * Math.min(inFlight, HIDDEN_BYTES)) / rate;
    if (!allTaken || !this.#sure) return slackMs;
    // Nothing more will be seen of them: what the way holds is not known, but how long they take is.
    return Math.max(slackMs, Math.min(LONGEST_SLACK_MS, (2000 * inFlight) / rate));
  }

  /** How long the message that is timed takes, or the last one took, in milliseconds. */
  answerMs(now: number): number {
    return this.#timed ? Math.max(this.#lastMs, now - this.#timed.at) : this.#lastMs;
  }

  sent(packetId: number, now: number): void {
    this.#timed = { packetId, at: now, before: this.#acknowledged };
  }

  /** A message of so many bytes has left the line; `now` is called only if it is the one that is timed. */
  left(packetId: number, bytes: number, now: () => number): void {
    this.#acknowledged += bytes;
    const timed = this.#timed;
    if (timed?.packetId !== packetId) return;
    this.#timed = undefined;
    this.#lastMs = now() - timed.at;
    this.#seen = NOTHING;
    const bytesLeft = this.#acknowledged - timed.before;
    // A few bytes show how long an answer takes, and a rate limiter passes them at once: not what the line takes.
    if (bytesLeft < FULL_BYTES && this.#lastMs < FULL_MS) return;
    this.#sure = bytesLeft >= FULL_BYTES;
    const weight = Math.exp(-this.#lastMs / FORGET_MS);
    const { bytes: before, ms } = this.#measured;
    this.#measured = {
      bytes: before * weight + bytesLeft,
      ms: ms * weight + Math.max(1, this.#lastMs),
    };
    this.#perSecond = (this.#measured.bytes * 1000) / this.#measured.ms;
  }

  /** The way to the plant takes so many bytes of a message a second; `allTaken` if none of what is in flight waits here. */
  observe(perSecond: number | undefined, allTaken: boolean): void {
    this.#seen = { perSecond: perSecond ?? this.#seen.perSecond, allTaken };
    if (this.#measured.ms === 0 && perSecond !== undefined) this.#perSecond = perSecond;
  }

  /** The connection has ended: what was timed is sent again. */
  disconnected(): void {
    this.#timed = undefined;
    this.#lastMs = 0;
    this.#seen = NOTHING;
  }
}
