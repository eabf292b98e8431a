/**
 * An acknowledgement that waits for writes to reach the disk: counts them and calls `onDone` after the last.
 * The count begins at one, for the caller that still adds writes: its own `done` ends the adding.
 */
export class PendingAck {
  #remaining = 1;
  /** Cleared once called: queued messages keep their PendingAck, which must not keep a closed connection in memory. */
  #onDone: (() => void) | undefined;

  constructor(onDone: () => void) {
    this.#onDone = onDone;
  }

  /** One more write to wait for. */
  add(): void {
    this.#remaining++;
  }

  /** Whether all is on disk. */
  get isDone(): boolean {
    return this.#remaining <= 0;
  }

  /** One of the writes is on disk, or needed no more. */
  done(): void {
    if (--this.#remaining > 0) return;
    const onDone = this.#onDone;
    this.#onDone = undefined;
    onDone?.();
  }
}
