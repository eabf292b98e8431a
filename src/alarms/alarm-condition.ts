import { type AlarmConfig, kindOf } from '../config/schema/alarms.ts';
import { CLOCK_NOT_SET, type Quality, type Value } from '../driver-kit/reading.ts';

/** A sample behind the filters: `value` is null exactly when `quality` is `bad`. */
export interface WatchedSample {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
}

/** Whether the condition is met; `unknown` without a value that could say so. */
export type Verdict = 'met' | 'unmet' | 'unknown';

/** The condition of an alarm, without its delay. */
export interface AlarmCondition {
  take(sample: WatchedSample, now: number): Verdict;
  /** Only of `stale`: when it is met if no good sample comes before. */
  readonly dueAt: number | undefined;
}

/** A condition that begins at the moment `now`, in milliseconds that never jump; `isMet` if it was met before a restart. */
export function createCondition(config: AlarmConfig, now: number, isMet: boolean): AlarmCondition {
  switch (kindOf(config)) {
    case 'stale':
      return createStale(config.stale ?? 0, now);
    case 'bad':
      return { dueAt: undefined, take: ({ quality }) => (quality === 'bad' ? 'met' : 'unmet') };
    case 'rate':
      return createRate(config, isMet);
    case 'equals':
      return {
        dueAt: undefined,
        take({ value }) {
          if (value === null) return 'unknown';
          return value === config.equals ? 'met' : 'unmet';
        },
      };
    default:
      return createLimits(config, isMet);
  }
}

/** `above`, `below` and `outside`: once met at a limit, it lasts until the value has come back from it by the hysteresis. */
function createLimits(
  { above, below, outside, hysteresis }: AlarmConfig,
  isMet: boolean,
): AlarmCondition {
  const low = below ?? outside?.[0] ?? -Infinity;
  const high = above ?? outside?.[1] ?? Infinity;
  // After a restart it is not known which limit it was.
  let isHigh = isMet;
  let isLow = isMet;
  return {
    dueAt: undefined,
    take({ value }) {
      if (typeof value !== 'number') return 'unknown';
      isHigh = value > high - (isHigh ? hysteresis : 0);
      isLow = value < low + (isLow ? hysteresis : 0);
      return isHigh || isLow ? 'met' : 'unmet';
    },
  };
}

/**
 * The change between two samples that are not bad, over the time between them. A sample that is there once more, because
 * a filter has not let another one pass, is none: the change would be that of one moment.
 */
function createRate({ rate = 0, per, hysteresis }: AlarmConfig, isMet: boolean): AlarmCondition {
  let met = isMet;
  let before: { readonly value: number; readonly now: number } | undefined;
  let latest: WatchedSample | undefined;
  let verdict: Verdict = 'unknown';
  const compare = ({ value }: WatchedSample, now: number): Verdict => {
    const from = before;
    before = typeof value === 'number' ? { value, now } : undefined;
    if (typeof value !== 'number' || from === undefined || now <= from.now) return 'unknown';
    const speed = (Math.abs(value - from.value) / (now - from.now)) * per;
    met = speed > rate - (met ? hysteresis : 0);
    return met ? 'met' : 'unmet';
  };
  return {
    dueAt: undefined,
    take(sample, now) {
      if (sample !== latest) verdict = compare(sample, now);
      latest = sample;
      return verdict;
    },
  };
}

/** No good sample for `ms`. That the clock is not set does not change a value. */
function createStale(ms: number, start: number): AlarmCondition {
  let good = start;
  return {
    get dueAt() {
      return good + ms;
    },
    take({ quality, reason }, now) {
      if (quality === 'good' || reason === CLOCK_NOT_SET) good = now;
      return now - good >= ms ? 'met' : 'unmet';
    },
  };
}
