import type { Publication } from '../broker/messages/publication.ts';
import {
  BoundedQueue,
  type BoundedQueueOwner,
  type QueueDrop,
  type QueueLimits,
} from '../queue/bounded-queue.ts';
import { QueueEntry, type StoredEntry, topicOf } from '../queue/queue-entry.ts';
import type { Journal } from '../store/commit/journal.ts';
import { deleteStored, type ReportShare } from '../store/commit/queue-deletion.ts';
import type { StoredSession } from '../store/recovery/load-state.ts';
import { QUEUE_PACKET_IDS } from './queue-slots.ts';

export interface UplinkQueueParts {
  readonly journal: Journal;
  load(key: number, seq: number, limit: number): Promise<StoredEntry[]>;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
  /** A message has left the queue and was not sent to the plant. */
  dropped(topic: string, reason: QueueDrop): void;
  /** Called when there may be more to send. */
  ready(): void;
  /** Whether the plant is connected and acknowledges. */
  flowing(): boolean;
}

/** The stored queue of the last run. */
export type StoredUplinkQueue = Pick<StoredSession, 'sent' | 'queue'>;

/** With more messages than this, the plant's acknowledgement can't arrive before the commit. Many sensors give 1,000 at once. */
const SHORT = 2000;

/** One queue of an uplink on disk, first in, first out, within its bounds. */
export class UplinkQueue implements BoundedQueueOwner {
  readonly name: string;
  readonly key: number;
  high: boolean;
  /** Takes new messages while a backlog drains. */
  readonly live: boolean;
  ended = false;
  sent = 0;
  sentOnDisk = 0;
  readonly deletes = { first: 0, last: 0 };
  readonly queue: BoundedQueue;
  readonly slot: number;
  readonly #parts: UplinkQueueParts;
  readonly #limits: { queue: QueueLimits };
  #seq = 0;

  /** `slot` numbers the queues of one uplink from 0; it is kept on disk. */
  constructor(
    parts: UplinkQueueParts,
    identity: { name: string; slot: number; key: number; high: boolean; live: boolean },
    limits: QueueLimits,
    stored?: StoredUplinkQueue,
  ) {
    this.#parts = parts;
    this.name = identity.name;
    this.slot = identity.slot;
    this.key = identity.key;
    this.high = identity.high;
    this.live = identity.live;
    this.#limits = { queue: limits };
    if (stored) {
      this.sent = stored.sent;
      this.sentOnDisk = stored.sent;
      this.#seq = Math.max(stored.sent, stored.queue.last);
    }
    const { load, now } = parts;
    this.queue = new BoundedQueue(
      { owner: this, limits: this.#limits, memoryBytes: Number.POSITIVE_INFINITY, load, now },
      stored?.queue,
    );
  }

  /** Sets other bounds; the policy can't change to or from `latest-per-topic` while the gateway runs. */
  bound(high: boolean, limits: QueueLimits): void {
    this.high = high;
    this.#limits.queue = limits;
    this.queue.trim();
  }

  /** The number of the last message. */
  get lastSeq(): number {
    return this.#seq;
  }

  get online(): boolean {
    return this.queue.count < SHORT && this.#parts.flowing();
  }

  packetIdOf(entry: QueueEntry): number {
    return this.slot * QUEUE_PACKET_IDS + ((entry.seq - 1) % QUEUE_PACKET_IDS) + 1;
  }

  /** The plant has lost its session: all messages that were sent before count as never sent. */
  forgetSent(): void {
    this.queue.lostUpTo = this.sent;
  }

  /** Queues the message, unless the queue is full and its policy drops the newest. */
  push(publication: Publication, qos: 1 | 2): void {
    const { journal, now } = this.#parts;
    const message = publication.keep();
    if (!this.queue.makeRoom(message.body.length, publication.topic)) {
      this.#parts.dropped(publication.topic, 'queue-full');
      return;
    }
    const entry = new QueueEntry(this, message, ++this.#seq, qos, publication.retain, now());
    entry.held = qos === 2 || publication.held;
    message.holders++;
    if (publication.qos === 0 && qos < 2) journal.enqueueDeferred(entry);
    else journal.enqueue(entry, !entry.held);
    this.queue.push(entry);
  }

  /** The next entry to send; undefined while there is none, or while it must be read or written first. */
  peek(): QueueEntry | undefined {
    return this.queue.next();
  }

  /** Removes the entry that `peek` returned. */
  take(): QueueEntry {
    return this.queue.shift();
  }

  /** Drops messages that are too old. */
  expire(): void {
    this.queue.next();
  }

  /** Discards all queued messages; resolves with their number when they are deleted from disk. */
  async purge(report: ReportShare): Promise<number> {
    const { journal } = this.#parts;
    const { count, stored } = this.queue.purge((entry) => journal.discard(entry));
    await deleteStored(journal, this.key, stored, report);
    return count;
  }

  committed(entry: QueueEntry): void {
    if (this.ended) return;
    if (entry.held) this.#parts.ready();
    this.queue.spill();
  }

  dropped(entry: QueueEntry, reason: QueueDrop, topic?: string): void {
    this.#parts.journal.discard(entry);
    this.#parts.dropped(topic ?? topicOf(entry), reason);
  }

  /** Entries were read from disk, or could not be read: `peek` tries it again. */
  ready(): void {
    this.#parts.ready();
  }
}
