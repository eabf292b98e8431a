import { type Clock, isClockSet } from '../base/clock.ts';
import type { KeyValueStore } from '../base/state.ts';

/**
 * The clock by which stored messages and sessions expire. It continues from one run to the next and does not jump when
 * the wall clock is set: a computer without a battery-backed clock accepts messages before it knows the time,
 * with a date that may be decades in the past, and they must not expire when the time is set.
 */
export interface StoredClock {
  /** Whole milliseconds; about the time since the epoch if the wall clock was right at the first start. */
  now(): number;
  /** Converts a time of `now` to the wall clock as it is set at present; the result changes only when the wall clock is set. */
  wallAt(moment: number): number;
  /** Stores the time for the next run; to be called every second. True when the wall clock was set and the value must be on disk soon. */
  save(): boolean;
}

/** A moment on both clocks, in milliseconds. */
export interface ClockMark {
  readonly now: number;
  readonly wall: number;
}

/** Owner and key of the last mark in the state. */
export const MARK_OWNER = '$ages';
export const MARK_KEY = 'mark';

/** How often the mark is renewed while the wall clock does not change; every second would wear the SD card. */
const RENEW_MS = 600_000;
/** If the difference between the clocks changes by more than this, the wall clock was set. */
const SET_MS = 1000;

/** Continues where the last run ended, plus the time that the gateway was off if the wall clock shows it. */
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

/** A stored mark; undefined if the value is not a mark. */
export function asMark(value: unknown): ClockMark | undefined {
  const { now, wall } = Object(value) as Partial<ClockMark>;
  return Number.isFinite(now) && Number.isFinite(wall) ? (value as ClockMark) : undefined;
}
