import { shownTopic, TopicList } from './topic-list.ts';

/** So long a topic is shown after its last refusal: longer than the time after which one message of it is tried again. */
const SHOWN_MS = 900_000;

/** The topics of which the plant has refused messages in the last minutes, for the status. */
export class RefusedTopics {
  readonly #monotonic: () => number;
  readonly #topics = new TopicList();

  /** `monotonic` gives milliseconds that never jump. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Whether none is known. */
  get isEmpty(): boolean {
    return this.#topics.size === 0;
  }

  /** The plant has refused a message of this topic, as it is named there. */
  refused(topic: string): void {
    this.#topics.add(topic, this.#monotonic());
  }

  /** The plant has taken a message of this topic. */
  taken(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Undefined if there are none. */
  get sentence(): string | undefined {
    this.#topics.dropBefore(this.#monotonic() - SHOWN_MS);
    if (this.isEmpty) return undefined;
    return `the plant refuses messages on ${this.#topics.named(shownTopic)}: they are kept, see cellgate queue list`;
  }
}
