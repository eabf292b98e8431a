import type { BoundedQueue } from '../../queue/bounded-queue.ts';
import { type QueueEntry, topicOf } from '../../queue/queue-entry.ts';
import type { Deliveries } from './deliveries.ts';
import type { RetainedMessages } from './retained.ts';
import type { Retained } from './retained-walk.ts';

export interface WaitingCopiesParts {
  readonly queue: Pick<BoundedQueue, 'firstSeq' | 'first' | 'read'>;
  readonly deliveries: Pick<Deliveries, 'entries' | 'isUndelivered'>;
}

/** Entries that are compared in one part of the work, and those that are read from disk at once. */
const STEP = 100;
const READ = 500;

/**
 * Which retained messages wait for one client already: in its queue or in flight, as a copy that a subscription asked
 * for or as the message itself. A subscription that is made again adds no second one. Each entry is compared once in a
 * connection, on disk too. The memory is that of the retained messages found.
 */
export class WaitingCopies {
  readonly #parts: WaitingCopiesParts;
  /** The sequence number of the entry with the retained message's content. */
  #seqs = new WeakMap<Retained, number>();
  /** Entries up to this number were compared. */
  #compared = 0;
  /** Until entries are read from disk. */
  #reading: Promise<void> | undefined;

  constructor(parts: WaitingCopiesParts) {
    this.#parts = parts;
  }

  /** Whether the message waits; exact once `find` has ended. */
  has(retained: Retained): boolean {
    const seq = this.#seqs.get(retained);
    if (seq === undefined) return false;
    const { queue, deliveries } = this.#parts;
    return queue.firstSeq <= seq || deliveries.isUndelivered(seq);
  }

  /** The message has been queued under this number. */
  add(retained: Retained, seq: number): void {
    this.#seqs.set(retained, seq);
  }

  /** Forgets everything: the client has gone. */
  clear(): void {
    this.#seqs = new WeakMap();
    this.#compared = 0;
  }

  /** Compares what has come since the last call, in parts. */
  *find(retained: RetainedMessages): Generator<Promise<void> | undefined, void> {
    const { queue, deliveries } = this.#parts;
    while (this.#reading) yield this.#reading;
    let compared = this.#compared;
    for (const entry of deliveries.entries()) {
      if (entry.seq <= this.#compared) continue;
      this.#compare(entry, retained);
      if (entry.seq > compared && entry.seq < queue.firstSeq) compared = entry.seq;
    }
    this.#compared = compared;
    for (let steps = 1; ; steps++) {
      const seq = Math.max(this.#compared + 1, queue.firstSeq);
      const entry = queue.first(seq);
      if (entry === undefined) return;
      if (entry === 'stored') {
        this.#reading = this.#read(seq, retained);
        yield this.#reading;
        continue;
      }
      this.#compare(entry, retained);
      this.#compared = entry.seq;
      if (steps % STEP === 0) yield;
    }
  }

  async #read(seq: number, retained: RetainedMessages): Promise<void> {
    const seqs = this.#seqs;
    // The store reports a failure; what could not be read is taken as compared.
    const { entries, last } = await this.#parts.queue.read(seq, READ);
    this.#reading = undefined;
    // Not after `clear`: the next connection compares from the beginning.
    if (seqs !== this.#seqs) return;
    for (const entry of entries) this.#compare(entry, retained);
    this.#compared = Math.max(this.#compared, last);
  }

  #compare(entry: QueueEntry, retained: RetainedMessages): void {
    const current = retained.get(topicOf(entry));
    if (current?.message.body.equals(entry.message.body)) this.#seqs.set(current, entry.seq);
  }
}
