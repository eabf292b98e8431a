/** Numbers the readings of each topic from 1 since the start of the gateway, also across reloads. */
export class Sequence {
  readonly #last = new Map<string, number>();

  /** The number of the topic's last reading; 0 before the first. */
  last(topic: string): number {
    return this.#last.get(topic) ?? 0;
  }

  next(topic: string): number {
    const next = this.last(topic) + 1;
    this.#last.set(topic, next);
    return next;
  }
}
