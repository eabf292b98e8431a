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

/** Retained messages at QoS 0 that are being sent to a client, which may read slowly. */
export class RetainedFeed {
  #feeds: Feed[] = [];

  get isEmpty(): boolean {
    return this.#feeds.length === 0;
  }

  add(retained: readonly Retained[]): void {
    this.#feeds.push({ retained, next: 0 });
  }

  /** Sends as many as the client reads, except messages that were replaced or deleted since. */
  pump(buffer: PacketBuffer): void {
    const publication = new Publication();
    for (let feed = this.#feeds[0]; feed; feed = this.#feeds[0]) {
      while (feed.next < feed.retained.length) {
        if (buffer.congested) return;
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
