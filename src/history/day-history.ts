import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import type { KeyValueStore } from '../base/state.ts';
import { DayChunks, type Point } from './day-chunks.ts';
import { type HourHistory, POINTS, type Series, type Summary } from './hour-history.ts';

/** One point covers four minutes; the points of one topic cover a day. */
export const DAY_POINT_MS = 240_000;
const POLL_MS = 10_000;
/** A clock that differs by more than this was set: the points of this start are dated again. */
const STEP_MS = DAY_POINT_MS / 2;
/** More digits would be noise and would wear the card. */
const DIGITS = 9;

export interface DayHistoryParts {
  /** The last hour, from which the points of the day are made. */
  readonly history: Pick<HourHistory, 'within'>;
  /** The topics whose day is kept. */
  topics(): Iterable<string>;
  /** The state that is kept over restarts; available from `start` on. */
  state(): KeyValueStore;
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** Whether `wall` is known to be right: until then nothing is written, and nothing of earlier starts is shown. */
  isSet(): boolean;
  readonly faults: Faults;
}

/**
 * The last day of the sensors that are configured for it, over restarts and power cuts: every four minutes one more
 * point is stored. The time between the points of this start stays right even if the clock is set.
 */
export class DayHistory implements Service {
  readonly name = 'day';
  readonly #parts: DayHistoryParts;
  readonly #began: number;
  /** The end of the last point, on the monotonic clock. */
  #pointBegan: number;
  #chunks: DayChunks | undefined;
  /** Wall clock minus monotonic clock, as the points of this start are dated. */
  #offset: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: DayHistoryParts) {
    this.#parts = parts;
    this.#began = parts.monotonic();
    this.#pointBegan = this.#began;
  }

  async start(): Promise<void> {
    this.#chunks = new DayChunks(this.#parts.state());
    const poll = (): void => this.#poll();
    this.#timer = setInterval(this.#parts.faults.guard('feed', 'recording the day', poll), POLL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#endPoint(this.#parts.monotonic());
    this.#save();
  }

  /** Undefined for a topic whose day is not kept. */
  of(topic: string): Series | undefined {
    const { history, topics, monotonic, isSet } = this.#parts;
    if (![...topics()].includes(topic)) return undefined;
    const end = (Math.floor(monotonic() / DAY_POINT_MS) + 1) * DAY_POINT_MS;
    const series = new DaySeries(end);
    for (const { end: own, time, point } of this.#chunks?.of(topic) ?? []) {
      const before = time - this.#timeOf(0);
      if (own !== undefined) series.put(own, point);
      // A point of an earlier start can't be later than this start: its clock was wrong.
      else if (isSet() && before < this.#began + DAY_POINT_MS) series.put(before, point);
    }
    const summary = history.within(topic, this.#pointBegan, end);
    if (summary) series.put(end, pointOf(summary));
    const { low, high, last } = series;
    return { end: this.#timeOf(end), everyMs: DAY_POINT_MS, low, high, last };
  }

  #poll(): void {
    const end = Math.floor(this.#parts.monotonic() / DAY_POINT_MS) * DAY_POINT_MS;
    if (end > this.#pointBegan) this.#endPoint(end);
    this.#save();
  }

  #endPoint(end: number): void {
    const { history, topics } = this.#parts;
    const points = [...topics()].flatMap((topic) => {
      const summary = history.within(topic, this.#pointBegan, end);
      return summary ? [[topic, pointOf(summary)] as const] : [];
    });
    this.#pointBegan = end;
    if (points.length > 0) this.#chunks?.append(end, this.#timeOf(end), points);
  }

  #save(): void {
    if (!this.#parts.isSet()) return;
    const offset = this.#timeOf(0);
    if (this.#offset === undefined || Math.abs(offset - this.#offset) > STEP_MS) {
      this.#offset = offset;
      this.#chunks?.redate((end) => this.#timeOf(end));
    }
    this.#chunks?.save();
  }

  /** Milliseconds since the epoch at a moment of the monotonic clock. */
  #timeOf(at: number): number {
    const { wall, monotonic } = this.#parts;
    return Math.round(wall() - monotonic() + at);
  }
}

/** The points of one topic over the day that ends at `end` on the monotonic clock. */
class DaySeries {
  readonly low: (number | null)[] = Array(POINTS).fill(null);
  readonly high: (number | null)[] = Array(POINTS).fill(null);
  readonly last: (number | null)[] = Array(POINTS).fill(null);
  readonly #end: number;

  constructor(end: number) {
    this.#end = end;
  }

  /** Points in the same period become one; points outside the day are left out. */
  put(at: number, point: Point): void {
    const index = POINTS - 1 - Math.round((this.#end - at) / DAY_POINT_MS);
    if (index < 0 || index >= POINTS || point === null) return;
    const [low, high, last] = typeof point === 'number' ? [point, point, point] : point;
    this.low[index] = Math.min(this.low[index] ?? low, low);
    this.high[index] = Math.max(this.high[index] ?? high, high);
    this.last[index] = last;
  }
}

function pointOf({ low, high, last }: Summary): Point {
  if (low === high) return rounded(low);
  return [rounded(low), rounded(high), rounded(last)];
}

function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}
