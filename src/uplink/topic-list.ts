/** Topics that are remembered. */
const TOPICS = 1000;
/** Longer topics are counted, not remembered: they would need too much memory. */
const TOPIC_LENGTH = 512;
/** So many are named in a sentence. */
const NAMED = 20;
const SHOWN_LENGTH = 100;

/** A topic as it is shown in a sentence: without control characters, and not longer than a line. */
export function shownTopic(topic: string): string {
  const text = JSON.stringify(topic.slice(0, SHOWN_LENGTH)).slice(1, -1);
  return `${text}${topic.length > SHOWN_LENGTH ? '…' : ''}`;
}

/** Topics with the time of the last event; bounded, the one with the oldest event is dropped. */
export class TopicList {
  readonly #at = new Map<string, number>();

  get size(): number {
    return this.#at.size;
  }

  /** Returns whether the topic is a new one. */
  add(topic: string, at: number): boolean {
    const key = topic.slice(0, TOPIC_LENGTH);
    const isNew = !this.#at.delete(key);
    if (this.#at.size >= TOPICS) this.#at.delete(this.#at.keys().next().value!);
    this.#at.set(key, at);
    return isNew;
  }

  clear(): void {
    this.#at.clear();
  }

  delete(topic: string): void {
    this.#at.delete(topic.slice(0, TOPIC_LENGTH));
  }

  /** Drops those of which the last event was before this time. */
  dropBefore(at: number): void {
    for (const [topic, last] of this.#at) {
      if (last >= at) return;
      this.#at.delete(topic);
    }
  }

  /** The names, each changed by `show`: the oldest 20, and how many others there are. */
  named(show: (topic: string) => string): string {
    const names: string[] = [];
    for (const topic of this.#at.keys()) {
      if (names.length === NAMED) break;
      names.push(show(topic));
    }
    const others = this.#at.size - names.length;
    return `${names.join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
  }
}
