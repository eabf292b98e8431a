/**
 * Counts what an acknowledgement still owes to the disk; calls `settled` once nothing is left.
 * It begins with one debt of its own, paid when all others are known.
 */
export class Receipt {
  #owed = 1;
  /** Let go of once called: messages keep their receipt as long as they wait, and with it a client's connection. */
  #settled: (() => void) | undefined;

  constructor(settled: () => void) {
    this.#settled = settled;
  }

  owe(): void {
    this.#owed++;
  }

  /** Whether nothing is owed any more. */
  get paid(): boolean {
    return this.#owed <= 0;
  }

  pay(): void {
    if (--this.#owed > 0) return;
    const settled = this.#settled;
    this.#settled = undefined;
    settled?.();
  }
}
