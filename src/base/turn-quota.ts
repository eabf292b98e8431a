/** Does at most so many pieces of work in one turn of the event loop; the others wait for later turns, in their order. */
export class TurnQuota {
  readonly #most: number;
  #inTurn = 0;
  #scheduled = false;
  #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Works at once if this turn has room. `work` does not throw. */
  run(work: () => void): void {
    this.#schedule();
    if (this.#inTurn >= this.#most) {
      this.#waiting.push(work);
      return;
    }
    this.#inTurn++;
    work();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    const due = this.#waiting.slice(0, this.#most);
    this.#waiting = this.#waiting.slice(due.length);
    this.#inTurn = due.length;
    if (due.length > 0) this.#schedule();
    for (const work of due) work();
  };
}
