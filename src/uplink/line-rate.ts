/** What may be in flight at the rate of the line: urgent messages wait so long behind it. */
const AHEAD_S = 2;
const LEAST_BYTES = 16 * 1024;
const MOST_BYTES = 1024 * 1024;
/** The share of the latest measurement in the rate. */
const WEIGHT = 0.5;
/** A measurement over fewer bytes in a shorter time does not count. */
const FULL_BYTES = 8192;
const FULL_MS = 1000;
/** Bytes that the kernels and proxies on the way may hold without a sign that they move. */
const HIDDEN_BYTES = 128 * 1024;
/** The rate that is assumed until it is measured, and the lowest one that is waited for, in bytes a second. */
const ASSUMED = 5000;
const LOWEST = 1000;

/** Measures how many bytes a second the line takes, by one acknowledged message after the other. */
export class LineRate {
  #perSecond: number | undefined;
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
    const rate = Math.max(LOWEST, this.#perSecond ?? ASSUMED);
    return (2000 * Math.min(inFlight, HIDDEN_BYTES)) / rate;
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
    const rate = ((this.#acknowledged - timed.before) * 1000) / Math.max(1, this.#lastMs);
    const isFull = this.#acknowledged - timed.before >= FULL_BYTES || this.#lastMs >= FULL_MS;
    // A few bytes show how long an answer takes, and a rate limiter passes them at once: not what the line takes.
    if (!isFull) return;
    const before = this.#perSecond ?? rate;
    this.#perSecond = before + (rate - before) * WEIGHT;
  }

  /** The plant takes so many bytes of a message a second, before anything was acknowledged. */
  observe(perSecond: number): void {
    this.#perSecond ??= perSecond;
  }

  /** The connection has ended: what was timed is sent again. */
  disconnected(): void {
    this.#timed = undefined;
    this.#lastMs = 0;
  }
}
