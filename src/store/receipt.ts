/**
 * Counts what an acknowledgement still owes to the disk; calls `settled` once nothing is left.
 * It begins with one debt of its own, paid when all others are known.
 */
export class Receipt {
  #owed = 1;
  readonly #settled: () => void;

  constructor(settled: () => void) {
    this.#settled = settled;
  }

  owe(): void {
    this.#owed++;
  }

  pay(): void {
    if (--this.#owed === 0) this.#settled();
  }
}
