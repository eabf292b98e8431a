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
const NONE: readonly Copy[] = [];

/** An entry with a retained message's content. */
interface Copy {
  readonly seq: number;
  readonly identifiers: readonly number[];
}

/**
 * Which retained messages wait for one client already: in its queue or in flight, as a copy that a subscription asked
 * for or as the message itself. A subscription that is made again adds no second one, unless it has another identifier:
 * the client knows by it what the message is for. Each entry is compared once in a connection, on disk too. The memory
 * is that of the copies found.
 */
export class WaitingCopies {
  readonly #parts: WaitingCopiesParts;
  #copies = new WeakMap<Retained, readonly Copy[]>();
  /** Entries up to this number were compared. */
  #compared = 0;
  /** Until entries are read from disk. */
  #reading: Promise<void> | undefined;

  constructor(parts: WaitingCopiesParts) {
    this.#parts = parts;
  }

  /**
   * Whether the message waits with this subscription identifier, 0 for without any; `undefined` where the client knows
   * none. Exact once `find` has ended.
   */
  has(retained: Retained, identifier: number | undefined): boolean {
    return this.#waiting(retained).some(
      ({ identifiers }) =>
        identifier === undefined ||
        (identifier === 0 ? identifiers.length === 0 : identifiers.includes(identifier)),
    );
  }

  /** The message has been queued under this number. */
  add(retained: Retained, seq: number, identifiers: readonly number[]): void {
    const others = this.#waiting(retained).filter((copy) => copy.seq !== seq);
    this.#copies.set(retained, [...others, { seq, identifiers }]);
  }

  #waiting(retained: Retained): readonly Copy[] {
    const { queue, deliveries } = this.#parts;
    const copies = this.#copies.get(retained) ?? NONE;
    return copies.filter(({ seq }) => queue.firstSeq <= seq || deliveries.isUndelivered(seq));
  }

  /** Forgets everything: the client has gone. */
  clear(): void {
    this.#copies = new WeakMap();
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
    const copies = this.#copies;
    // The store reports a failure; what could not be read is taken as compared.
    const { entries, last } = await this.#parts.queue.read(seq, READ);
    this.#reading = undefined;
    // Not after `clear`: the next connection compares from the beginning.
    if (copies !== this.#copies) return;
    for (const entry of entries) this.#compare(entry, retained);
    this.#compared = Math.max(this.#compared, last);
  }

  #compare(entry: QueueEntry, retained: RetainedMessages): void {
    const current = retained.get(topicOf(entry));
    if (!current?.message.body.equals(entry.message.body)) return;
    this.add(current, entry.seq, entry.identifiers);
  }
}
