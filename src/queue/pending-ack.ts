/**
 * An acknowledgement that waits for writes to reach the disk: counts them and calls `onDone` after the last.
 * The count begins at one, so that it can't reach zero while the caller adds writes: the caller calls `done` last.
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

  /** Whether all writes are on disk. */
  get isDone(): boolean {
    return this.#remaining <= 0;
  }

  /** One of the writes is on disk, or is not needed any more. */
  done(): void {
    if (--this.#remaining > 0) return;
    const onDone = this.#onDone;
    this.#onDone = undefined;
    onDone?.();
  }
}
