/** Writes the collected bytes. */
export interface Flushable {
  flush(): void;
}

/** Flushes each send buffer at the end of the turn of the event loop in which its first bytes were added. */
export class FlushQueue {
  #waiting: Flushable[] = [];
  #scheduled = false;

  add(buffer: Flushable): void {
    this.#waiting.push(buffer);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flushAll);
  }

  readonly #flushAll = (): void => {
    this.#scheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const buffer of waiting) buffer.flush();
  };
}
