const MINUTE_MS = 60_000;
const WINDOWS = [1, 5, 15] as const;

/** Names as in Mosquitto's `load/…/1min`; values are what a counter has grown by in a minute, on average over so long. */
export type Loads = Readonly<Record<`${(typeof WINDOWS)[number]}min`, string>>;

/** Averages of how fast a counter grows, weighted so that what is long ago counts less: Mosquitto's own formula. */
export class LoadAverage {
  #count: number;
  readonly #averages = WINDOWS.map((minutes) => ({ minutes, value: 0 }));

  /** The counter as it is at the start. */
  constructor(count: number) {
    this.#count = count;
  }

  /** Takes the counter as it is `ms` after the last time. */
  take(count: number, ms: number): Loads {
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
