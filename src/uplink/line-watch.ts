import type { SocketProgress } from './socket-progress.ts';

/** So few bytes are a ping: that the plant takes it does not show that a message is on its way. */
const PING_BYTES = 512;
/** A rate over a shorter time is not sure. */
const MEASURED_MS = 3000;

/** When bytes last moved on a connection. Times are monotonic milliseconds. */
export class LineWatch {
  #received = 0;
  #delivered = 0;
  #waiting = 0;
  /** When bytes began to wait, and how many had been delivered then. */
  #transfer = { at: 0, delivered: 0 };
  /** When the plant last sent anything, and last took anything. */
  #receivedAt: number;
  #deliveredAt: number;

  constructor(now: number) {
    this.#receivedAt = now;
    this.#deliveredAt = now;
  }

  /** So many bytes have been received since the start. */
  received(bytes: number, now: number): void {
    if (bytes > this.#received) this.#receivedAt = now;
    this.#received = bytes;
  }

  /** Bytes have been written; to be called about once a second while messages are in flight. */
  delivered({ delivered, waiting }: SocketProgress, now: number): void {
    if (delivered > this.#delivered && this.#waiting > PING_BYTES) this.#deliveredAt = now;
    if (this.isEmpty) this.#transfer = { at: now, delivered };
    this.#waiting = waiting;
    this.#delivered = Math.max(delivered, this.#delivered);
  }

  /** Whether all that was written has been delivered, except a ping. */
  get isEmpty(): boolean {
    return this.#waiting <= PING_BYTES;
  }

  /** Bytes a second that the plant takes of the waiting bytes; undefined if that was not seen for some seconds. */
  rate(now: number): number | undefined {
    const ms = now - this.#transfer.at;
    if (this.isEmpty || ms < MEASURED_MS) return undefined;
    const bytes = this.#delivered - this.#transfer.delivered;
    return bytes > 0 ? (bytes * 1000) / ms : undefined;
  }

  /** How long nothing has moved in either direction. */
  silentMs(now: number): number {
    return now - Math.max(this.#receivedAt, this.#deliveredAt);
  }

  /** How long the plant has taken nothing of what waited for it. */
  undeliveredMs(now: number): number {
    return now - this.#deliveredAt;
  }
}
