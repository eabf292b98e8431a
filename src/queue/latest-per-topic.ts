import type { LoadEntries, PagedQueue, StoredQueue } from './paged-queue.ts';
import { type QueueEntry, topicOf } from './queue-entry.ts';

/** A queued message without its body. */
export interface QueuePosition {
  readonly topic: string;
  readonly seq: number;
  /** Bytes of the message. */
  readonly size: number;
}

export interface LatestPerTopicParts {
  readonly queue: Pick<PagedQueue, 'first'>;
  readonly load: LoadEntries;
  /** The entries that were on disk when the gateway started. */
  readonly stored: StoredQueue | undefined;
  /** Called when entries were read from disk: `next` may find more. */
  found(): void;
}

/** The most topics that are followed; a message of any other topic never counts as overtaken. */
const TOPICS = 50_000;
/** Entries in one read from disk. */
const BATCH = 512;
/** Pause after a read that failed. */
const RETRY_MS = 1000;

/**
 * Finds the oldest message of a full queue that is overtaken: the queue has a newer message of its topic.
 * A cursor passes through the queue once. A message that it passes is the newest of its topic at that moment; it is
 * remembered in case a newer one arrives. So a search is cheap, and memory grows with the topics only.
 */
export class LatestPerTopic {
  /** Messages in the queue, by topic. */
  readonly #queued = new Map<string, number>();
  readonly #passed = new Map<string, QueuePosition>();
  /** Overtaken messages that the cursor has passed, oldest first. */
  readonly #overtaken: QueuePosition[] = [];
  readonly #parts: LatestPerTopicParts;
  /** Read from disk, and passed next. */
  #ahead: QueuePosition[] = [];
  #cursor = 0;
  /** Messages up to this number were deleted without being read. */
  #clearedUpTo = 0;
  #loading = false;
  #counting = false;

  constructor(parts: LatestPerTopicParts) {
    this.#parts = parts;
    const { stored } = parts;
    if (!stored || stored.count === 0) return;
    this.#counting = true;
    void this.#count(stored.first, stored.last).finally(() => {
      this.#counting = false;
      parts.found();
    });
  }

  /** A message of the topic joins the queue. */
  arrived(topic: string): void {
    const count = this.#queued.get(topic) ?? 0;
    if (count > 0 || this.#queued.size < TOPICS) this.#queued.set(topic, count + 1);
    const passed = this.#passed.get(topic);
    if (!passed) return;
    this.#passed.delete(topic);
    const later = this.#overtaken.findIndex(({ seq }) => seq > passed.seq);
    this.#overtaken.splice(later === -1 ? this.#overtaken.length : later, 0, passed);
  }

  /** A message of the topic has left the queue. */
  left(topic: string): void {
    const count = this.#queued.get(topic) ?? 0;
    if (count > 1) this.#queued.set(topic, count - 1);
    else this.#queued.delete(topic);
  }

  /** All messages up to this number have left the queue. */
  cleared(last: number): void {
    this.#queued.clear();
    this.#passed.clear();
    this.#overtaken.length = 0;
    this.#ahead = [];
    this.#cursor = Math.max(this.#cursor, last + 1);
    this.#clearedUpTo = Math.max(this.#clearedUpTo, last);
  }

  /**
   * The oldest overtaken message, which may have left the queue already; undefined when there is none.
   * `later` when it must be read from disk first.
   */
  next(): QueuePosition | 'later' | undefined {
    if (this.#counting) return 'later';
    const known = this.#overtaken.shift();
    if (known) return known;
    for (;;) {
      const position = this.#ahead.shift() ?? this.#poll();
      if (position === 'later' || position === undefined) return position;
      if (position.seq < this.#cursor) continue;
      this.#cursor = position.seq + 1;
      if ((this.#queued.get(position.topic) ?? 0) > 1) return position;
      this.#passed.set(position.topic, position);
    }
  }

  #poll(): QueuePosition | 'later' | undefined {
    const { queue, load, found } = this.#parts;
    const entry = queue.first(this.#cursor);
    if (entry !== 'stored') return entry && positionOf(entry);
    if (!this.#loading) {
      this.#loading = true;
      load(this.#cursor, BATCH).then(
        (entries) => {
          this.#loading = false;
          this.#ahead = entries.map(positionOf);
          found();
        },
        () => {
          this.#loading = false;
        },
      );
    }
    return 'later';
  }

  /** Tries it until the disk answers; the store reports failures. */
  async #read(seq: number): Promise<readonly QueueEntry[]> {
    for (;;) {
      try {
        return await this.#parts.load(seq, BATCH);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  /** Counts the messages that were on disk when the gateway started. */
  async #count(first: number, last: number): Promise<void> {
    for (let seq = first; seq <= last && seq > this.#clearedUpTo; ) {
      const entries = await this.#read(seq);
      const end = entries.at(-1)?.seq;
      if (end === undefined) return;
      for (const entry of entries) {
        if (entry.seq <= last && entry.seq > this.#clearedUpTo) this.arrived(topicOf(entry));
      }
      seq = end + 1;
    }
  }
}

function positionOf(entry: QueueEntry): QueuePosition {
  return { topic: topicOf(entry), seq: entry.seq, size: entry.size };
}
