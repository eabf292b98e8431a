/** Writes the collected bytes. */
export interface Flushable {
  flush(): void;
  /** Ends the connection: what was to be written is lost. */
  destroy(): void;
}

export interface FlushQueueParts {
  /** Milliseconds on the monotonic clock. */
  now(): number;
  /** A flush has thrown. */
  failed(error: unknown): void;
}

/** Milliseconds of one turn of the event loop. */
const BUDGET_MS = 3;
/** Flushes between two readings of the clock: each is a system call. */
const CHECK = 16;

/**
 * Flushes each send buffer at the end of the turn of the event loop in which its first bytes were added. Where these are
 * too many for one turn the others wait for the next ones, in their order; those that are new by then take turns with
 * them, so that an answer does not wait for thousands of subscribers.
 */
export class FlushQueue {
  readonly #parts: FlushQueueParts;
  /** Added since the last flush. */
  #fresh: Flushable[] = [];
  /** Left over from turns before. */
  #left: Flushable[] = [];
  #scheduled = false;

  constructor(parts: FlushQueueParts) {
    this.#parts = parts;
  }

  add(buffer: Flushable): void {
    this.#fresh.push(buffer);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flushAll);
  }

  readonly #flushAll = (): void => {
    this.#scheduled = false;
    const [left, fresh] = [this.#left, this.#fresh];
    this.#fresh = [];
    if (left.length === 0 && fresh.length <= CHECK) {
      this.#flush(fresh, 0, fresh.length);
      return;
    }
    const { now } = this.#parts;
    const ends = now() + BUDGET_MS;
    let [leftAt, freshAt] = [0, 0];
    while (leftAt < left.length || freshAt < fresh.length) {
      leftAt = this.#flush(left, leftAt, leftAt + CHECK);
      freshAt = this.#flush(fresh, freshAt, freshAt + CHECK);
      if (now() >= ends) break;
    }
    this.#left = [...left.slice(leftAt), ...fresh.slice(freshAt)];
    if (this.#left.length > 0) this.#schedule();
  };

  /** Flushes those at [from, to); returns where it has ended. */
  #flush(buffers: readonly Flushable[], from: number, to: number): number {
    const end = Math.min(to, buffers.length);
    for (let i = from; i < end; i++) {
      try {
        // One barrier for all of them costs less than one for each.
        for (; i < end; i++) buffers[i]!.flush();
      } catch (error) {
        this.#parts.failed(error);
        buffers[i]!.destroy();
      }
    }
    return end;
  }
}
