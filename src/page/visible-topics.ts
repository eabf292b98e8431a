/** How long a topic stays subscribed after it has left the screen: scrolling back and forth changes nothing. */
const KEEP_MS = 3000;

/** The part of the gateway that subscribes. */
export interface Subscribes {
  subscribe(filters: readonly string[]): void;
  unsubscribe(filters: readonly string[]): void;
}

/**
 * Subscribes to the topics that are on the screen, and to no others: of a thousand sensors a page draws some dozens.
 * A topic is held as often as it is shown. While the page is in the background, nothing is subscribed.
 */
export class VisibleTopics {
  readonly #gateway: Subscribes;
  /** How often each topic is shown. */
  readonly #shown = new Map<string, number>();
  readonly #subscribed = new Set<string>();
  /** When a subscribed topic was first found not to be shown. */
  readonly #left = new Map<string, number>();

  constructor(gateway: Subscribes) {
    this.#gateway = gateway;
  }

  show(topic: string): void {
    this.#shown.set(topic, (this.#shown.get(topic) ?? 0) + 1);
  }

  hide(topic: string): void {
    const count = (this.#shown.get(topic) ?? 0) - 1;
    if (count > 0) this.#shown.set(topic, count);
    else this.#shown.delete(topic);
  }

  /** Subscribes and unsubscribes what has changed; called a few times a second. `now` is in milliseconds. */
  update(isHidden: boolean, now: number): void {
    const isShown = (topic: string): boolean => !isHidden && this.#shown.has(topic);
    const added = [...this.#shown.keys()].filter(
      (topic) => isShown(topic) && !this.#subscribed.has(topic),
    );
    const removed: string[] = [];
    for (const topic of this.#subscribed) {
      if (isShown(topic)) this.#left.delete(topic);
      else if (!this.#left.has(topic)) this.#left.set(topic, now);
      else if (now - this.#left.get(topic)! >= KEEP_MS) removed.push(topic);
    }
    for (const topic of added) this.#subscribed.add(topic);
    for (const topic of removed) {
      this.#subscribed.delete(topic);
      this.#left.delete(topic);
    }
    if (added.length > 0) this.#gateway.subscribe(added);
    if (removed.length > 0) this.#gateway.unsubscribe(removed);
  }
}
