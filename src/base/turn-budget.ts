/** Milliseconds of one turn of the event loop; the turn's other work comes on top. */
const BUDGET_MS = 3;

/** Work in small parts: between two of them it may be interrupted; where a part is a promise, the next one waits for it. */
export type WorkParts = Iterator<Promise<void> | undefined>;

/**
 * Shares the turns of the event loop between pieces of work of one kind: once they have taken their time in a turn, the
 * others wait for the next one, in the order in which they were interrupted.
 */
export class TurnBudget {
  readonly #now: () => number;
  #began = 0;
  #scheduled = false;
  #waiting: (() => void)[] = [];

  /** `now` in milliseconds on the monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the time of this turn is used up: the caller stops, and continues in `later`. */
  get isOver(): boolean {
    if (this.#scheduled) return this.#now() - this.#began >= BUDGET_MS;
    this.#schedule();
    return false;
  }

  /** Calls back in another turn. */
  later(resume: () => void): void {
    if (!this.#scheduled) this.#schedule();
    this.#waiting.push(resume);
  }

  /** Works in this turn and later ones, then calls `ended`, with the error that the work threw if it did. */
  run(work: WorkParts, ended: (error?: unknown) => void): void {
    const step = (): void => {
      for (;;) {
        if (this.isOver) return this.later(step);
        let part: IteratorResult<Promise<void> | undefined>;
        try {
          part = work.next();
        } catch (error) {
          return ended(error);
        }
        if (part.done) return ended();
        if (part.value) return void part.value.then(step);
      }
    };
    step();
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#began = this.#now();
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    let continued = 0;
    while (continued < waiting.length && !this.isOver) waiting[continued++]!();
    // Those that are interrupted again come behind those that have not had their turn.
    if (continued < waiting.length) this.#waiting = [...waiting.slice(continued), ...this.#waiting];
  };
}
