/**
 * Counts what an acknowledgement still owes to the disk; calls `onDone` once nothing is left.
 * It begins with one debt of its own, paid when all others are known.
 */
export class PendingAck {
  #remaining = 1;
  /** Let go of once called: messages keep their pendingAck as long as they wait, and with it a client's connection. */
  #onDone: (() => void) | undefined;

  constructor(onDone: () => void) {
    this.#onDone = onDone;
  }

  add(): void {
    this.#remaining++;
  }

  /** Whether nothing is owed any more. */
  get isDone(): boolean {
    return this.#remaining <= 0;
  }

  done(): void {
    if (--this.#remaining > 0) return;
    const onDone = this.#onDone;
    this.#onDone = undefined;
    onDone?.();
  }
}
