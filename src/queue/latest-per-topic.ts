import type { QueueEntry } from './queue-entry.ts';

/** What Latest has to know of its queue. */
export interface BrowsableQueue {
  /** The first entry from a sequence number on: in memory, `stored` on disk, or none. */
  first(seq: number): QueueEntry | 'stored' | undefined;
}

/** A queued message without its body. */
export interface QueuePosition {
  readonly topic: string;
  readonly seq: number;
  readonly size: number;
}

/** Topics followed at most; messages of further ones count as overtaken by nothing. */
const TOPICS = 50_000;
const BATCH = 512;

/**
 * Finds, in a full queue, the oldest message that a newer one of its topic has overtaken.
 * A cursor goes through the queue once: what it passes is the newest of its topic at that moment, and is
 * remembered in case a newer one comes. So each search costs little and the memory is that of the topics.
 */
export class LatestPerTopic {
  readonly #waiting = new Map<string, number>();
  readonly #passed = new Map<string, QueuePosition>();
  /** Older than the cursor, oldest first. */
  readonly #overtaken: QueuePosition[] = [];
  readonly #queue: BrowsableQueue;
  readonly #load: (seq: number, limit: number) => Promise<readonly QueueEntry[]>;
  #ahead: QueuePosition[] = [];
  #cursor = 0;
  #loading = false;
  #counting = false;

  /** `load` reads stored entries from a sequence number on; `stored` is what waits from before. */
  constructor(
    queue: BrowsableQueue,
    load: (seq: number, limit: number) => Promise<readonly QueueEntry[]>,
    stored: { readonly first: number; readonly last: number; readonly count: number } | undefined,
    counted: () => void,
  ) {
    this.#queue = queue;
    this.#load = load;
    if (!stored || stored.count === 0) return;
    this.#counting = true;
    void this.#count(stored.first, stored.last).finally(() => {
      this.#counting = false;
      counted();
    });
  }

  /** A message of the topic joins the queue. */
  arrived(topic: string): void {
    const count = this.#waiting.get(topic) ?? 0;
    if (count > 0 || this.#waiting.size < TOPICS) this.#waiting.set(topic, count + 1);
    const passed = this.#passed.get(topic);
    if (!passed) return;
    this.#passed.delete(topic);
    const later = this.#overtaken.findIndex(({ seq }) => seq > passed.seq);
    this.#overtaken.splice(later === -1 ? this.#overtaken.length : later, 0, passed);
  }

  /** A message of the topic has left it. */
  left(topic: string): void {
    const count = this.#waiting.get(topic) ?? 0;
    if (count > 1) this.#waiting.set(topic, count - 1);
    else this.#waiting.delete(topic);
  }

  /**
   * The oldest overtaken message, which may have left the queue meanwhile; undefined when there is none.
   * `later` when it has to be read from disk: `found` is called when it is there.
   */
  next(found: () => void): QueuePosition | 'later' | undefined {
    if (this.#counting) return 'later';
    const known = this.#overtaken.shift();
    if (known) return known;
    for (;;) {
      const place = this.#ahead.shift() ?? this.#poll(found);
      if (place === 'later' || place === undefined) return place;
      if (place.seq < this.#cursor) continue;
      this.#cursor = place.seq + 1;
      if ((this.#waiting.get(place.topic) ?? 0) > 1) return place;
      this.#passed.set(place.topic, place);
    }
  }

  #poll(found: () => void): QueuePosition | 'later' | undefined {
    const entry = this.#queue.first(this.#cursor);
    if (entry !== 'stored') return entry && placeOf(entry);
    if (!this.#loading) {
      this.#loading = true;
      this.#load(this.#cursor, BATCH).then(
        (entries) => {
          this.#loading = false;
          this.#ahead = entries.map(placeOf);
          found();
        },
        () => {
          this.#loading = false;
        },
      );
    }
    return 'later';
  }

  /** Counts what waited when the gateway started. */
  async #count(first: number, last: number): Promise<void> {
    for (let seq = first; seq <= last; ) {
      const entries = await this.#load(seq, BATCH);
      const end = entries.at(-1)?.seq;
      if (end === undefined) return;
      for (const entry of entries) if (entry.seq <= last) this.arrived(placeOf(entry).topic);
      seq = end + 1;
    }
  }
}

function placeOf({ seq, message }: QueueEntry): QueuePosition {
  const topic = message.body.toString('utf8', 2, message.topicEnd);
  return { topic, seq, size: message.body.length };
}
