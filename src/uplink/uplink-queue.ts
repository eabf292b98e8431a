import type { Publication } from '../broker/messages/publication.ts';
import { storedMessage } from '../broker/messages/publication.ts';
import type { QueueConfig } from '../config/schema/queue.ts';
import { LatestPerTopic } from '../queue/latest-per-topic.ts';
import { PagedQueue } from '../queue/paged-queue.ts';
import {
  Message,
  QueueEntry,
  type QueueOwner,
  RELEASED,
  RETAIN,
  SENT,
  WRITTEN,
} from '../queue/queue-entry.ts';
import type { Journal } from '../store/commit/journal.ts';
import type { StoredEntry } from '../store/commit/writer.ts';
import type { StoredSession } from '../store/recovery/load-state.ts';

/** Why a message leaves the queue without having reached the plant. */
export type UplinkQueueDrop = 'queue-full' | 'expired' | 'superseded';

export interface UplinkQueueParts {
  readonly journal: Journal;
  load(lane: number, seq: number, limit: number): Promise<StoredEntry[]>;
  /** Milliseconds that never jump and go on over restarts. */
  now(): number;
  dropped(topic: string, reason: UplinkQueueDrop): void;
  /** There may be more to send. */
  ready(): void;
  /** Whether the plant is there and acknowledges. */
  flowing(): boolean;
}

/** What the lane was when the gateway stopped. */
export type StoredUplinkQueue = Pick<StoredSession, 'sent' | 'queue'>;

/** Entries in memory up to which a full queue may grow while its oldest is read from disk. */
const OVERSHOOT = 4096;
/** With more than this waiting the plant's acknowledgement can't come before the commit. */
const SHORT = 200;
/** Packet identifiers of one lane: far more than are ever in flight, and the same after a restart. */
export const QUEUE_PACKET_IDS = 2000;

const EMPTY = new Message(Buffer.alloc(0), 0);

/** One queue of an uplink on disk, first in, first out, within its bounds. */
export class UplinkQueue implements QueueOwner {
  readonly name: string;
  readonly key: number;
  high: boolean;
  ended = false;
  sent = 0;
  sentOnDisk = 0;
  readonly deletes = { first: 0, last: 0 };
  readonly queue: PagedQueue;
  /** Entries up to here were sent to a session that the plant has lost: they begin anew. */
  lostBefore = 0;
  readonly slot: number;
  #limits: QueueConfig;
  readonly #parts: UplinkQueueParts;
  readonly #latest: LatestPerTopic | undefined;
  #seq = 0;

  /** `slot` numbers the lanes of one uplink from 0; it is kept on disk. */
  constructor(
    parts: UplinkQueueParts,
    identity: { name: string; slot: number; key: number; high: boolean },
    limits: QueueConfig,
    stored?: StoredUplinkQueue,
  ) {
    this.#parts = parts;
    this.name = identity.name;
    this.slot = identity.slot;
    this.key = identity.key;
    this.high = identity.high;
    this.#limits = limits;
    if (stored) {
      this.sent = stored.sent;
      this.sentOnDisk = stored.sent;
      this.#seq = Math.max(stored.sent, stored.queue.last);
    }
    const load = (seq: number, limit: number): Promise<QueueEntry[]> => this.#load(seq, limit);
    this.queue = new PagedQueue(
      load,
      () => {
        this.#trim();
        parts.ready();
      },
      stored?.queue,
    );
    if (limits.full === 'latest-per-topic') {
      this.#latest = new LatestPerTopic(this.queue, load, stored?.queue, () => this.#trim());
    }
  }

  /** Other bounds; `latest-per-topic` can't begin or end while it runs. */
  bound(high: boolean, limits: QueueConfig): void {
    this.high = high;
    this.#limits = limits;
    this.#trim();
  }

  get online(): boolean {
    return this.queue.count < SHORT && this.#parts.flowing();
  }

  packetIdOf(entry: QueueEntry): number {
    return this.slot * QUEUE_PACKET_IDS + ((entry.seq - 1) % QUEUE_PACKET_IDS) + 1;
  }

  /** Queues the message unless the queue is full and drops the newest. */
  push(publication: Publication, qos: 1 | 2): void {
    const { journal, now } = this.#parts;
    const message = publication.keep();
    this.#latest?.arrived(publication.topic);
    if (!this.#makeRoom(message.body.length)) {
      this.#latest?.left(publication.topic);
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

  /** The next to send; undefined while there is none, or it still has to be read or written. */
  peek(): QueueEntry | undefined {
    for (let entry = this.queue.peek(); entry; entry = this.queue.peek()) {
      if (!this.#isExpired(entry))
        return entry.held && entry.written !== WRITTEN ? undefined : entry;
      this.#drop(entry, 'expired');
    }
    return undefined;
  }

  /** Takes the one that `peek` gave. */
  take(): QueueEntry {
    const entry = this.queue.shift()!;
    this.#latest?.left(topicOf(entry));
    return entry;
  }

  /** Drops what has waited too long. */
  expire(): void {
    this.peek();
  }

  /** Forgets all that waits; resolves with how many that were. */
  async purge(): Promise<number> {
    const last = this.#seq;
    let purged = 0;
    while (this.queue.count > 0) {
      const entry = this.queue.peek();
      if (!entry) await new Promise((resolve) => setTimeout(resolve, 5));
      else if (entry.seq > last) break;
      else {
        this.#parts.journal.discard(this.take());
        purged++;
      }
    }
    return purged;
  }

  committed(entry: QueueEntry): void {
    if (this.ended) return;
    if (entry.held) this.#parts.ready();
    this.queue.spill();
  }

  #isExpired(entry: QueueEntry): boolean {
    return this.#parts.now() - entry.at > this.#limits.age && !entry.sent;
  }

  #makeRoom(size: number): boolean {
    while (this.#isFull(size)) {
      if (this.#limits.full === 'drop-newest') return false;
      if (this.#dropOne()) continue;
      // What is to give way is being read from disk: the queue is trimmed when it is there.
      return this.queue.inMemory < OVERSHOOT;
    }
    return true;
  }

  #trim(): void {
    if (this.#limits.full === 'drop-newest') return;
    while (this.#isFull(0) && this.#dropOne());
  }

  #dropOne(): boolean {
    const overtaken = this.#latest?.next(() => this.#trim());
    if (overtaken === 'later') return false;
    if (overtaken) {
      const found = this.queue.discard(overtaken.seq, overtaken.size);
      if (!found) return true;
      this.#parts.journal.discard(found === 'stored' ? this.#storedAt(overtaken.seq) : found);
      this.#latest?.left(overtaken.topic);
      this.#parts.dropped(overtaken.topic, 'superseded');
      return true;
    }
    const oldest = this.queue.peek();
    if (!oldest) return false;
    this.#drop(oldest, 'queue-full');
    return true;
  }

  /** Stands for an entry on disk that is to be deleted unread. */
  #storedAt(seq: number): QueueEntry {
    const entry = new QueueEntry(this, EMPTY, seq, 1, false, 0);
    entry.written = WRITTEN;
    return entry;
  }

  #drop(oldest: QueueEntry, reason: UplinkQueueDrop): void {
    this.take();
    this.#parts.journal.discard(oldest);
    this.#parts.dropped(topicOf(oldest), reason);
  }

  #isFull(size: number): boolean {
    const { count, bytes } = this.queue;
    return count + (size > 0 ? 1 : 0) > this.#limits.messages || bytes + size > this.#limits.bytes;
  }

  async #load(seq: number, limit: number): Promise<QueueEntry[]> {
    const stored = await this.#parts.load(this.key, seq, limit);
    if (this.ended) return [];
    return stored.map(({ seq: own, flags, at, body }) => {
      const message = storedMessage(body);
      const entry = new QueueEntry(
        this,
        message,
        own,
        (flags & 3) as 1 | 2,
        (flags & RETAIN) !== 0,
        at,
      );
      entry.written = WRITTEN;
      entry.released = (flags & RELEASED) !== 0 && own > this.lostBefore;
      entry.sent = ((flags & SENT) !== 0 || own <= this.sentOnDisk) && own > this.lostBefore;
      return entry;
    });
  }
}

/** The local topic of a queued message. */
export function topicOf({ message }: QueueEntry): string {
  return message.body.toString('utf8', 2, message.topicEnd);
}
