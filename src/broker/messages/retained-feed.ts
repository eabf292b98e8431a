import type { PacketBuffer } from './packet-buffer.ts';
import { Publication, writePublication } from './publication.ts';
import type { Retained } from './retained.ts';

/** Retained messages of one subscription. */
interface Feed {
  readonly retained: readonly Retained[];
  next: number;
}

/** First byte of a PUBLISH at QoS 0 with RETAIN. */
const RETAINED_HEADER = 0x31;
/** Messages that are sent in one turn of the event loop. */
const STEP = 1000;

/** Retained messages at QoS 0 that are being sent to a client, which may read slowly. */
export class RetainedFeed {
  #feeds: Feed[] = [];
  /** The rest is sent in another turn. */
  #scheduled = false;

  get isEmpty(): boolean {
    return this.#feeds.length === 0;
  }

  /** Adds those that do not wait here already. */
  add(retained: readonly Retained[]): void {
    if (this.isEmpty) {
      this.#feeds.push({ retained, next: 0 });
      return;
    }
    const waiting = new Set<Retained>();
    for (const { retained: all, next } of this.#feeds) {
      for (let i = next; i < all.length; i++) waiting.add(all[i]!);
    }
    const missing = retained.filter((each) => !waiting.has(each));
    if (missing.length > 0) this.#feeds.push({ retained: missing, next: 0 });
  }

  /** Sends as many as the client reads, without those that were replaced or deleted since; `resume` in another turn. */
  pump(buffer: PacketBuffer, resume: () => void): void {
    if (this.#scheduled) return;
    const publication = new Publication();
    let left = STEP;
    for (let feed = this.#feeds[0]; feed; feed = this.#feeds[0]) {
      while (feed.next < feed.retained.length) {
        if (buffer.congested) return;
        if (left-- === 0) {
          this.#scheduled = true;
          setImmediate(() => {
            this.#scheduled = false;
            resume();
          });
          return;
        }
        const { current, message, topic } = feed.retained[feed.next++]!;
        if (!current) continue;
        writePublication(buffer, publication.of(message, topic, 0, true), RETAINED_HEADER, 0);
      }
      this.#feeds.shift();
    }
  }

  clear(): void {
    this.#feeds = [];
  }
}
