/** Writes the collected bytes. */
export interface Flushable {
  flush(): void;
  /** Ends the connection: what was to be written is lost. */
  destroy(): void;
}

/** Flushes each send buffer at the end of the turn of the event loop in which its first bytes were added. */
export class FlushQueue {
  #waiting: Flushable[] = [];
  #scheduled = false;
  readonly #failed: (error: unknown) => void;

  /** `failed` is called when a flush has thrown. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

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
    for (let i = 0; i < waiting.length; i++) {
      try {
        // One barrier for all of them costs less than one for each.
        for (; i < waiting.length; i++) waiting[i]!.flush();
      } catch (error) {
        this.#failed(error);
        waiting[i]!.destroy();
      }
    }
  };
}
