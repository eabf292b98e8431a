/** The halves of the time that deferred changes may wait, one after the other while there are any. */
export class DeferredHalves {
  readonly #onHalf: (isWhole: boolean) => boolean;
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;
  #isWhole = false;

  /** `onHalf` is called at the end of each half, with true for each second one; it returns whether changes still wait. */
  constructor(onHalf: (isWhole: boolean) => boolean) {
    this.#onHalf = onHalf;
  }

  /** A deferred change waits, for at most `ms` milliseconds. */
  start(ms: number): void {
    this.#ms = ms;
    this.#timer ??= setTimeout(this.#next, ms / 2);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #next = (): void => {
    this.#timer = undefined;
    const isWhole = this.#isWhole;
    this.#isWhole = !isWhole;
    if (this.#onHalf(isWhole)) this.start(this.#ms);
    else if (this.#timer === undefined) this.#isWhole = false;
  };
}
