import { LatestPerTopic } from './latest-per-topic.ts';
import { Message } from './message.ts';
import { PagedQueue, type StoredQueue } from './paged-queue.ts';
import {
  ENTRY_BYTES,
  QueueEntry,
  type QueueOwner,
  restoreEntry,
  type StoredEntry,
  topicOf,
  WRITTEN,
} from './queue-entry.ts';

/** The bounds of one queue, and what is dropped when one is reached. */
export interface QueueLimits {
  readonly messages: number;
  readonly bytes: number;
  /** How long a message may be queued, in milliseconds. */
  readonly age: number;
  /** `latest-per-topic`: the oldest message whose topic has a newer one in the queue; without one, the oldest. */
  readonly full: 'drop-oldest' | 'drop-newest' | 'latest-per-topic';
}

/** Why a message leaves a queue without having been sent. */
export type QueueDrop = 'queue-full' | 'expired' | 'superseded' | 'too-large';

/** The session whose queue is bounded. */
export interface BoundedQueueOwner extends QueueOwner {
  /** The entry has left the queue unsent. `topic` is set when the entry comes without its message. */
  dropped(entry: QueueEntry, reason: QueueDrop, topic?: string): void;
  /** Entries were read from disk: there may be more to send. */
  ready(): void;
}

export interface BoundedQueueParts {
  readonly owner: BoundedQueueOwner;
  /** `queue` may be replaced at any time, except that `latest-per-topic` can't begin or end. */
  readonly limits: { readonly queue: QueueLimits };
  /** Memory for the whole queue, in bytes; Infinity for a queue on disk. */
  readonly memoryBytes: number;
  /** Reads the owner's entries from disk, from a sequence number on: about `limit`, fewer if they are large. */
  load(key: number, seq: number, limit: number): Promise<readonly StoredEntry[]>;
  /** Milliseconds of the stored clock. */
  now(): number;
}

/** A full queue may grow to so many entries and bytes in memory while the entry to drop is read from disk. */
const OVERSHOOT = 16_384;
const OVERSHOOT_BYTES = 16 * 1024 * 1024;

const NO_MESSAGE = new Message(Buffer.alloc(0), 0, 0, null);

/** A queue within its bounds: drops messages that do not fit, and messages that have been queued too long. */
export class BoundedQueue {
  /** Entries up to this number were sent, but the receiver has lost them: they count as never sent. */
  lostUpTo = 0;
  readonly #owner: BoundedQueueOwner;
  readonly #limits: { readonly queue: QueueLimits };
  readonly #parts: BoundedQueueParts;
  readonly #queue: PagedQueue;
  readonly #latest: LatestPerTopic | undefined;

  constructor(parts: BoundedQueueParts, stored?: StoredQueue) {
    this.#parts = parts;
    this.#owner = parts.owner;
    this.#limits = parts.limits;
    const load = (seq: number, limit: number): Promise<QueueEntry[]> => this.#load(seq, limit);
    this.#queue = new PagedQueue(
      load,
      () => {
        this.trim();
        this.#owner.ready();
      },
      stored,
    );
    if (parts.limits.queue.full !== 'latest-per-topic') return;
    this.#latest = new LatestPerTopic({
      queue: this.#queue,
      load,
      stored,
      found: () => this.trim(),
    });
  }

  /** Messages, on disk and in memory. */
  get count(): number {
    return this.#queue.count;
  }

  /** Bytes of these messages and of their identifiers. */
  get bytes(): number {
    return this.#queue.bytes;
  }

  /** The number of the oldest entry, or of one before it; Infinity for an empty queue. */
  get firstSeq(): number {
    return this.#queue.firstSeq;
  }

  /** The first entry from a sequence number on: in memory, `stored` on disk, or none. */
  first(seq: number): QueueEntry | 'stored' | undefined {
    return this.#queue.first(seq);
  }

  /**
   * Copies of the entries on disk from `seq` on, `limit` or some more, and the number up to which they are complete.
   * Without entries when the disk can't be read: the store reports that.
   */
  async read(seq: number, limit: number): Promise<{ entries: QueueEntry[]; last: number }> {
    const { lastStored } = this.#queue;
    return this.readStored(seq, limit).catch(() => ({
      entries: [],
      last: Math.max(lastStored, seq),
    }));
  }

  /** The same; rejects when the disk can't be read. */
  async readStored(seq: number, limit: number): Promise<{ entries: QueueEntry[]; last: number }> {
    const { lastStored } = this.#queue;
    const entries = await this.#load(seq, limit);
    return { entries, last: entries.at(-1)?.seq ?? Math.max(lastStored, seq) };
  }

  /** Whether a message of this size may join the queue without another one leaving it. */
  hasRoom(size: number): boolean {
    return !this.#isFull(size);
  }

  /** Whether a message of this size may join the queue; drops others where the policy says so. */
  makeRoom(size: number, topic: string): boolean {
    // A message larger than the whole queue would drop all others for nothing.
    if (size > this.#limits.queue.bytes || size > this.#parts.memoryBytes) return false;
    // Before the others are dropped, for it may be the one that overtakes another.
    this.#latest?.arrived(topic);
    while (this.#isFull(size)) {
      if (this.#limits.queue.full !== 'drop-newest') {
        if (this.#dropOne()) continue;
        // The entry to drop is being read from disk; the queue is trimmed after that.
        const { inMemory, bytesInMemory } = this.#queue;
        if (inMemory < OVERSHOOT && bytesInMemory < OVERSHOOT_BYTES) return true;
      }
      this.#latest?.left(topic);
      return false;
    }
    return true;
  }

  /** Adds an entry for which `makeRoom` has made room. */
  push(entry: QueueEntry): void {
    this.#queue.push(entry);
  }

  /**
   * Removes an entry from any place, also one that `read` gave; undefined if it has left the queue. The caller deletes
   * what is returned.
   */
  remove(entry: QueueEntry): QueueEntry | undefined {
    const found = this.#queue.discard(entry.seq, entry.size);
    if (found === undefined) return undefined;
    this.#latest?.left(topicOf(entry));
    return found === 'stored' ? entry : found;
  }

  /** The oldest entry; undefined while there is none, or while it is being read from disk. */
  peek(): QueueEntry | undefined {
    return this.#queue.peek();
  }

  /**
   * Drops entries that are too old and returns the first that may be sent; undefined while there is none, or while it
   * must be read from disk or written first.
   */
  next(): QueueEntry | undefined {
    for (let entry = this.#queue.peek(); entry; entry = this.#queue.peek()) {
      if (entry.sent || !this.isTooOld(entry)) {
        return entry.held && entry.written !== WRITTEN ? undefined : entry;
      }
      this.#drop(entry, 'expired');
    }
    return undefined;
  }

  /** Whether the message has waited for too long, or has expired. */
  isTooOld({ at, message }: QueueEntry): boolean {
    return this.#parts.now() - at > this.#limits.queue.age || this.hasExpired(message);
  }

  hasExpired({ expiresAt }: Message): boolean {
    return expiresAt !== null && expiresAt < this.#parts.now();
  }

  /** Removes the entry that `peek` or `next` gave. */
  shift(): QueueEntry {
    const entry = this.#queue.shift()!;
    this.#latest?.left(topicOf(entry));
    return entry;
  }

  /**
   * Drops messages that are too old and were never sent, at most `limit`; returns how many. A message with an expiry is
   * dropped when those before it are gone.
   */
  expire(limit: number): number {
    const oldest = this.#parts.now() - this.#limits.queue.age;
    let dropped = 0;
    while (dropped < limit) {
      // No entry: it is being read from disk, and a later call finds it.
      const entry = this.#queue.oldestAt < oldest ? this.#queue.peek() : this.#queue.inMemoryFirst;
      if (!entry || entry.sent || !this.isTooOld(entry)) break;
      this.#drop(entry, 'expired');
      dropped++;
    }
    return dropped;
  }

  /**
   * Takes all entries out of the queue, without reading those on disk, and returns their number. `discard` gets each
   * that is in memory; the caller deletes those in `stored`, both ends included, from disk.
   */
  purge(discard: (entry: QueueEntry) => void): {
    readonly count: number;
    readonly stored: { readonly first: number; readonly last: number } | undefined;
  } {
    const { count } = this.#queue;
    const stored = this.#queue.takeStored();
    let last = stored?.last ?? 0;
    for (let entry = this.#queue.peek(); entry; entry = this.#queue.peek()) {
      this.#queue.shift();
      last = Math.max(last, entry.seq);
      discard(entry);
    }
    this.#latest?.cleared(last);
    return { count, stored };
  }

  /** Frees the memory of entries that are on disk and far from being sent. */
  spill(): void {
    this.#queue.spill();
  }

  /** The receiver has disconnected: entries that were read in advance are freed from memory and stay on disk. */
  unload(): void {
    this.#queue.unload();
  }

  /** Drops messages until the queue is within its bounds. */
  trim(): void {
    if (this.#limits.queue.full === 'drop-newest') return;
    while (this.#isFull(0) && this.#dropOne());
  }

  /** Whether a message of this size has no room; with 0, whether the queue exceeds its bounds already. */
  #isFull(size: number): boolean {
    const { count, bytes } = this.#queue;
    const { queue: limits } = this.#limits;
    return (
      count + (size > 0 ? 1 : 0) > limits.messages ||
      bytes + size > limits.bytes ||
      bytes + size + count * ENTRY_BYTES > this.#parts.memoryBytes
    );
  }

  /** Drops the message that the policy chooses; false if there is none, or if it is being read from disk. */
  #dropOne(): boolean {
    const overtaken = this.#latest?.next();
    if (overtaken === 'later') return false;
    if (overtaken) {
      const { seq, size, topic } = overtaken;
      const found = this.#queue.discard(seq, size);
      if (!found) return true;
      this.#latest!.left(topic);
      this.#owner.dropped(found === 'stored' ? this.#unread(seq) : found, 'superseded', topic);
      return true;
    }
    const oldest = this.#queue.peek();
    if (!oldest) return false;
    this.#drop(oldest, 'queue-full');
    return true;
  }

  /** Drops the oldest entry, which is `entry`. */
  #drop(oldest: QueueEntry, reason: QueueDrop): void {
    this.shift();
    this.#owner.dropped(oldest, reason);
  }

  /** A placeholder for an entry on disk, to delete the entry without reading it. */
  #unread(seq: number): QueueEntry {
    const entry = new QueueEntry(this.#owner, NO_MESSAGE, seq, 1, false, 0);
    entry.written = WRITTEN;
    return entry;
  }

  async #load(seq: number, limit: number): Promise<QueueEntry[]> {
    const stored = await this.#parts.load(this.#owner.key, seq, limit);
    if (this.#owner.ended) return [];
    return stored.map((each) => restoreEntry(this.#owner, each, this.lostUpTo));
  }
}
