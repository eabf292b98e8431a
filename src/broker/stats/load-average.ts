const MINUTE_MS = 60_000;
const WINDOWS = [1, 5, 15] as const;

/** The growth of a counter per minute, averaged over each window; named as in Mosquitto's `load/…/1min`. */
export type Loads = Readonly<Record<`${(typeof WINDOWS)[number]}min`, string>>;

/** Exponentially weighted averages of a counter's growth, by Mosquitto's formula. */
export class LoadAverage {
  #count: number;
  readonly #averages = WINDOWS.map((minutes) => ({ minutes, value: 0 }));

  /** The counter at the start. */
  constructor(count: number) {
    this.#count = count;
  }

  /** Adds the counter's value, `ms` milliseconds after the call before. */
  add(count: number, ms: number): Loads {
    const perMinute = ms > 0 ? ((count - this.#count) * MINUTE_MS) / ms : 0;
    this.#count = count;
    for (const average of this.#averages) {
      const weight = Math.exp(-ms / (MINUTE_MS * average.minutes));
      average.value = perMinute * (1 - weight) + average.value * weight;
    }
    const named = this.#averages.map(({ minutes, value }) => [`${minutes}min`, value.toFixed(2)]);
    return Object.fromEntries(named) as Loads;
  }
}
