import type { QueueLimits } from '../../queue/bounded-queue.ts';

/** A publisher whose reading can be paused. */
export interface HeldClient {
  pauseReading(reason: 'subscribers'): void;
  resumeReading(reason: 'subscribers'): void;
  /** How often, and for how many milliseconds, it has waited, without the present wait; and whether it waits. */
  readonly held: { count: number; ms: number; isWaiting: boolean };
}

/** A subscriber for which its publishers may have to wait. */
export interface FlowReader {
  readonly clientId: string;
  readonly flow: ReaderFlow;
  readonly online: boolean;
  /** Messages that its client was not sent yet. */
  readonly queue: { readonly count: number; readonly bytes: number };
  /** Bytes that its client was sent and that the kernel has not taken. */
  readonly unread: number;
  /** Bytes that the kernel has taken on its connection; less than before on a new connection. */
  readonly taken: number;
  /** Whether the next message of the queue waits for the disk, not for the client. */
  readonly waitsForDisk: boolean;
}

/** Queue lengths above which publishers wait, and at half of which they continue; less with small limits. */
const HIGH_MESSAGES = 1000;
const HIGH_BYTES = 1024 * 1024;
/** A reader that takes nothing for so long is slow. */
const STALL_MS = 1000;
/** So long is a reader observed before its rate is believed. */
const OBSERVE_MS = 200;
/** A reader for which its publishers would wait longer is slow. */
const LONGEST_HOLD_MS = 3000;

/** One subscriber's part of the flow control: its thresholds, its speed, and the publishers that wait for it. */
export class ReaderFlow {
  /** True for a client that reads so little that its publishers do not wait for it. */
  slow = false;
  /** Publishers that wait for this reader, the first one longest. */
  readonly held = new Set<HeldClient>();
  /** When the present observation began, in milliseconds of the monotonic clock, and `taken` at that time. */
  since = 0;
  takenBefore = 0;
  /** When the first of `held` began to wait. */
  heldSince = 0;
  #base = 0;
  #high = 0;
  #highBytes = 0;
  #low = 0;
  #lowBytes = 0;
  readonly #limits: { readonly queue: QueueLimits };
  readonly #memoryBytes: number;

  /** `memoryBytes` is a second limit of the queue's bytes. */
  constructor(limits: { readonly queue: QueueLimits }, memoryBytes: number) {
    this.#limits = limits;
    this.#memoryBytes = memoryBytes;
  }

  /**
   * Sets the thresholds above `count` and `bytes`: for a queue that is long already, as after an absence, publishers
   * wait only when it grows.
   */
  begin({ count, bytes }: FlowReader['queue']): void {
    const { queue } = this.#limits;
    const mostBytes = Math.min(queue.bytes, this.#memoryBytes);
    const room = Math.min(HIGH_MESSAGES, queue.messages >> 1);
    const roomBytes = Math.min(HIGH_BYTES, mostBytes / 2);
    this.#base = count;
    this.#high = Math.min(count + room, queue.messages - room);
    this.#highBytes = Math.min(bytes + roomBytes, mostBytes - roomBytes);
    this.#low = Math.max(0, this.#high - (room >> 1));
    this.#lowBytes = Math.max(0, this.#highBytes - roomBytes / 2);
  }

  /** Sets lower thresholds when a queue that was long at the beginning has become shorter. */
  lower(queue: FlowReader['queue']): void {
    if (queue.count < this.#base) this.begin(queue);
  }

  /** Whether the queue is so long that publishers wait. */
  isAbove(count: number, bytes: number): boolean {
    return count > this.#high || bytes > this.#highBytes;
  }

  /** Whether the queue is so short that publishers continue. */
  isBelow(count: number, bytes: number): boolean {
    return count <= this.#low && bytes <= this.#lowBytes;
  }

  /** Bytes that the client has to take before its publishers continue. */
  bytesAboveLow({ queue: { count, bytes }, unread }: FlowReader): number {
    const messages = count > this.#low ? (bytes * (count - this.#low)) / count : 0;
    return Math.max(messages, bytes - this.#lowBytes, 0) + unread;
  }

  /** Bytes that a reader must read within the longest hold to be fast enough. */
  bytesOfOneHold({ queue: { count, bytes } }: FlowReader): number {
    const average = count > 0 ? bytes / count : 0;
    return Math.min(average * (HIGH_MESSAGES >> 1), HIGH_BYTES / 2);
  }
}

export interface FlowControlParts {
  /** Milliseconds that never jump. */
  now(): number;
  /** A reader is slow from now on. */
  slow(clientId: string): void;
}

/**
 * Pauses publishers while a subscriber that reads has a long queue, so that acknowledged messages arrive. Publishers do
 * not wait for a subscriber that does not read, or too slowly: its queue has its own limits.
 */
export class FlowControl {
  readonly #parts: FlowControlParts;
  /** Readers for which a publisher waits, and slow ones. */
  readonly #observed = new Set<FlowReader>();
  /** The publishers that wait: for how many readers, and since when. */
  readonly #waiting = new Map<HeldClient, { readers: number; readonly since: number }>();
  /** Sums since the start. */
  readonly totals = { holds: 0, heldMs: 0, slowReaders: 0 };

  constructor(parts: FlowControlParts) {
    this.#parts = parts;
  }

  /** Number of publishers that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Number of connected slow readers. */
  get slowReaders(): number {
    let count = 0;
    for (const { flow } of this.#observed) if (flow.slow) count++;
    return count;
  }

  /** Reads no more from the publisher until the reader's queue is short again. */
  hold(client: HeldClient, reader: FlowReader): void {
    const { flow } = reader;
    if (flow.held.has(client)) return;
    const now = this.#parts.now();
    if (flow.held.size === 0) {
      flow.heldSince = now;
      observe(reader, now);
      this.#observed.add(reader);
    }
    flow.held.add(client);
    const waits = this.#waiting.get(client);
    if (waits) waits.readers++;
    else {
      this.#waiting.set(client, { readers: 1, since: now });
      this.totals.holds++;
      client.held.count++;
      client.held.isWaiting = true;
      client.pauseReading('subscribers');
    }
  }

  /** Continues with the publishers that wait for this reader. */
  release({ flow }: FlowReader): void {
    const held = [...flow.held];
    flow.held.clear();
    for (const client of held) {
      const waits = this.#waiting.get(client)!;
      if (--waits.readers > 0) continue;
      this.#waiting.delete(client);
      const ms = this.#parts.now() - waits.since;
      client.held.ms += ms;
      client.held.isWaiting = false;
      this.totals.heldMs += ms;
      client.resumeReading('subscribers');
    }
  }

  /** The reader's client has disconnected: no publisher waits for it any more. */
  leave(reader: FlowReader): void {
    this.release(reader);
    this.#observed.delete(reader);
    reader.flow.slow = false;
  }

  /** Finds readers that have become slow, and slow ones that have become fast; called several times a second. */
  sweep(): void {
    const now = this.#parts.now();
    for (const reader of this.#observed) {
      const { flow } = reader;
      if (flow.slow) this.#reviewSlow(reader, now);
      else if (flow.held.size === 0) this.#observed.delete(reader);
      else if (reader.waitsForDisk) observe(reader, now);
      else if (isSlow(reader, now)) {
        flow.slow = true;
        observe(reader, now);
        this.totals.slowReaders++;
        this.release(reader);
        this.#parts.slow(reader.clientId);
      }
    }
  }

  #reviewSlow(reader: FlowReader, now: number): void {
    const { flow, queue, taken, unread } = reader;
    const ms = now - flow.since;
    if (ms < OBSERVE_MS) return;
    const rate = (taken - flow.takenBefore) / ms;
    const isFast = rate > 0 && rate * LONGEST_HOLD_MS > flow.bytesOfOneHold(reader) + unread;
    observe(reader, now);
    if (!isFast && (unread > 0 || queue.count > 0)) return;
    flow.slow = false;
    flow.begin(queue);
    this.#observed.delete(reader);
  }
}

function observe(reader: FlowReader, now: number): void {
  reader.flow.since = now;
  reader.flow.takenBefore = reader.taken;
}

/** Whether the reader takes nothing, or would hold its publishers up for too long at the rate at which it takes. */
function isSlow(reader: FlowReader, now: number): boolean {
  const { flow } = reader;
  const ms = now - flow.since;
  const taken = reader.taken - flow.takenBefore;
  if (taken <= 0) return ms >= STALL_MS;
  if (ms < OBSERVE_MS) return false;
  return now - flow.heldSince + flow.bytesAboveLow(reader) / (taken / ms) > LONGEST_HOLD_MS;
}
