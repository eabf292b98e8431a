import type { Series } from '../history/hour-history.ts';

type Column = (number | null)[];

/** Points of a chart at most. */
const POINTS = 360;
/** A series that has only begun is not drawn as a dot in an empty hour. */
const LEAST_POINTS = 12;

/** The points of one chart, the oldest first: the lowest, the highest and the last value of each time. */
export class ChartData {
  #times: number[] = [];
  #low: Column = [];
  #high: Column = [];
  #last: Column = [];
  #everyS = 10;

  /** Times, highest, lowest and last values. */
  get columns(): [number[], Column, Column, Column] {
    return [this.#times, this.#high, this.#low, this.#last];
  }

  /** The lowest and the highest value; undefined while there is none. */
  get range(): { readonly low: number; readonly high: number } | undefined {
    const lows = this.#low.filter((value) => value !== null);
    const highs = this.#high.filter((value) => value !== null);
    if (lows.length === 0 || highs.length === 0) return undefined;
    return { low: Math.min(...lows), high: Math.max(...highs) };
  }

  /** Where an axis of time that ends at `end` begins. */
  beginOf(end: number): number {
    const first = this.#times[this.#last.findIndex((value) => value !== null)] ?? end;
    return Math.min(
      Math.max(first, end - POINTS * this.#everyS),
      end - LEAST_POINTS * this.#everyS,
    );
  }

  replace(series: Series): void {
    this.#everyS = series.everyMs / 1000;
    const first = series.end / 1000 - series.last.length * this.#everyS;
    this.#times = series.last.map((_, index) => first + (index + 1) * this.#everyS);
    this.#low = [...series.low];
    this.#high = [...series.high];
    this.#last = [...series.last];
  }

  /** Adds the value of a moment: to the newest point, or to the next one once the time of the newest is over. */
  add(timeMs: number, value: number | null): void {
    const time = timeMs / 1000;
    const newest = this.#times.at(-1);
    if (newest === undefined || time > newest) {
      this.#times.push(newest === undefined ? time : Math.max(time, newest + this.#everyS));
      for (const column of [this.#low, this.#high, this.#last]) column.push(value);
      if (this.#times.length > POINTS) for (const column of this.columns) column.shift();
    } else if (value !== null) {
      const at = this.#times.length - 1;
      this.#low[at] = Math.min(this.#low[at] ?? value, value);
      this.#high[at] = Math.max(this.#high[at] ?? value, value);
      this.#last[at] = value;
    }
  }
}

/** The range of the value axis: some room above and below; a line that does not change is in the middle. */
export function valueRange(
  from: number | null,
  to: number | null,
  { steps, fromZero = false }: { readonly steps: boolean; readonly fromZero?: boolean },
): [number, number] {
  if (steps) return [-0.15, 1.15];
  if (from === null || to === null) return [0, 1];
  if (fromZero) return [0, Math.max(1, to * 1.1)];
  const room = Math.max((to - from) * 0.1, Math.abs(to) * 0.005, 1e-6);
  return [from - room, to + room];
}
