import type { QueueEntry, QueueOwner } from '../queue/queue-entry.ts';
import { LineRate } from './line-rate.ts';

/** The messages that are sent on the present connection and not acknowledged, by packet identifier, and their times. */
export class InFlight {
  readonly #monotonic: () => number;
  readonly #entries = new Map<number, QueueEntry>();
  readonly #rate = new LineRate();
  #bytes = 0;
  #lastAckAt = 0;
  /** When a message was last sent while none was in flight. */
  #busySince = 0;

  /** `monotonic` gives milliseconds that never jump. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether one of them is of this queue. */
  holds(queue: QueueOwner): boolean {
    for (const { owner } of this.#entries.values()) if (owner === queue) return true;
    return false;
  }

  /** The one that was sent first. */
  get first(): QueueEntry | undefined {
    return this.#entries.values().next().value;
  }

  /** Whether so much is in flight that urgent messages would wait too long behind more of it. */
  get isFull(): boolean {
    return this.#bytes >= this.#rate.budget;
  }

  /** What `FlowWatch` needs. */
  get sample() {
    return {
      inFlightBytes: this.#bytes,
      unacknowledgedMs: this.unacknowledgedMs,
      answerMs: this.#rate.answerMs(this.#monotonic()),
      lineRate: this.lineRate,
      slackMs: this.slackMs,
    };
  }

  /** How much longer than usual the plant's answer may take, in milliseconds: large messages are on a slow line. */
  get slackMs(): number {
    return this.#rate.slackMs(this.#bytes);
  }

  /** Bytes a second; undefined before that is known. */
  get lineRate(): number | undefined {
    return this.#rate.perSecond;
  }

  /** How long nothing was acknowledged while messages were in flight, in milliseconds; 0 with none in flight. */
  get unacknowledgedMs(): number {
    if (this.#entries.size === 0) return 0;
    return this.#monotonic() - Math.max(this.#lastAckAt, this.#busySince);
  }

  /** Their number, if none of them was acknowledged for `timeoutMs`; otherwise 0. */
  overdue(timeoutMs: number): number {
    return this.unacknowledgedMs < timeoutMs ? 0 : this.#entries.size;
  }

  /** What is seen of the bytes on their way, see `LineRate`. */
  observe(perSecond: number | undefined, allTaken: boolean): void {
    this.#rate.observe(perSecond, allTaken);
  }

  /** A connection begins, or the plant has acknowledged something. */
  acknowledged(): void {
    this.#lastAckAt = this.#monotonic();
  }

  get(packetId: number): QueueEntry | undefined {
    return this.#entries.get(packetId);
  }

  add(packetId: number, entry: QueueEntry): void {
    if (this.#entries.size === 0) this.#busySince = this.#monotonic();
    if (this.#rate.idle) this.#rate.sent(packetId, this.#monotonic());
    this.#entries.set(packetId, entry);
    this.#bytes += entry.message.body.length;
  }

  remove(packetId: number, entry: QueueEntry): void {
    this.#entries.delete(packetId);
    const bytes = entry.message.body.length;
    this.#bytes -= bytes;
    this.#rate.left(packetId, bytes, this.#monotonic);
  }

  /** The connection has ended. Returns what was in flight, in the order of sending. */
  disconnected(): QueueEntry[] {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#bytes = 0;
    this.#rate.disconnected();
    return entries;
  }
}
