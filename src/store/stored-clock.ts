import { type Clock, isClockSet } from '../base/clock.ts';
import type { KeyValueStore } from '../base/state.ts';

/**
 * The time by which stored things grow old. It goes on from one run to the next and does not follow the wall clock when
 * that is set: a computer without a battery for its clock takes messages before it knows the time, in a past that may
 * be weeks or decades away, and they must not be too old once it does.
 */
export interface StoredClock {
  /** Whole milliseconds; about those since the epoch where the clock was right from the first start on. */
  now(): number;
  /** What the wall clock, as it is set by now, showed at a moment of `now`; the same each time while it is not set. */
  wallAt(moment: number): number;
  /** Sets down how far this run is, for the next one; to be called every second. True when that is urgent. */
  save(): boolean;
}

/** A moment in both times. */
export interface ClockMark {
  readonly now: number;
  readonly wall: number;
}

/** Where the last mark is in the state. */
export const MARK_OWNER = '$ages';
export const MARK_KEY = 'mark';

/** How often the mark is renewed while the wall clock just goes on, for the card's sake. */
const RENEW_MS = 600_000;
/** Another difference between the times than before: the wall clock was set. */
const SET_MS = 1000;

/** Goes on where the last run ended, and for as long as the gateway was off if the wall clock knows that. */
export function createStoredClock(clock: Clock, state: KeyValueStore): StoredClock {
  const { wall, monotonic } = clock;
  let mark = asMark(state.get(MARK_KEY));
  const known = mark !== undefined && isClockSet(mark.wall);
  const off = known ? Math.max(0, wall() - mark!.wall) : 0;
  const base = (mark === undefined ? wall() : mark.now + off) - monotonic();
  const now = (): number => Math.floor(base + monotonic());
  const renew = (): void => {
    mark = { now: now(), wall: wall() };
    state.set(MARK_KEY, mark);
  };
  renew();
  return {
    now,
    wallAt: (moment) => moment + mark!.wall - mark!.now,
    save() {
      const last = mark!;
      const isSet = Math.abs(wall() - last.wall - (now() - last.now)) > SET_MS;
      if (isSet || now() - last.now >= RENEW_MS) renew();
      return isSet;
    },
  };
}

/** A mark as it was stored; undefined when it is none. */
export function asMark(value: unknown): ClockMark | undefined {
  const { now, wall } = Object(value) as Partial<ClockMark>;
  return Number.isFinite(now) && Number.isFinite(wall) ? (value as ClockMark) : undefined;
}
