import type { Value } from '../driver-kit/reading.ts';
import { combined, type QualifiedSample } from './qualified-sample.ts';

/** Keeps samples for later; filters after it do not see a sample while it is kept. Bad samples pass immediately. */
export interface Delay {
  /** Accepts a sample; returns the sample that passes immediately, undefined if none does. */
  push(sample: QualifiedSample, now: number): QualifiedSample | undefined;
  /** When a kept sample passes; undefined while none is kept. */
  due(): number | undefined;
  /** The sample that passes at that moment. */
  tick(now: number): QualifiedSample | undefined;
  /** Whether a sample that does not pass immediately never passes. */
  readonly drops?: boolean;
}

function checkTime(name: string, ms: number): void {
  if (!(ms > 0)) throw new RangeError(`${name}: ${ms} is no time`);
}

/** A value that has not lasted long enough: since when, and its samples, of which the latest passes. */
interface Waiting {
  readonly value: Value;
  readonly since: number;
  readonly ms: number;
  /** The latest sample, with the worst quality of those that have waited. */
  sample: QualifiedSample;
}

/**
 * A value passes when it has lasted for as long as `delayOf` says; until then nothing passes. A value without a delay
 * passes immediately. The sample that passes is the latest one of that value.
 */
export function createSteady(
  delayOf: (value: Value, steady: Value | undefined) => number | undefined,
): Delay {
  let steady: Value | undefined;
  let waiting: Waiting | undefined;

  const pass = (sample: QualifiedSample): QualifiedSample => {
    waiting = undefined;
    steady = sample.value;
    return sample;
  };

  return {
    push(sample, now) {
      const { value } = sample;
      if (value === null) {
        waiting = undefined;
        steady = undefined;
        return sample;
      }
      const ms = value === steady ? undefined : delayOf(value, steady);
      if (ms === undefined) return pass(sample);
      if (waiting?.value === value) waiting.sample = combined(value, [waiting.sample, sample]);
      else waiting = { value, sample, since: now, ms };
      return now - waiting.since >= ms ? pass(waiting.sample) : undefined;
    },
    due: () => (waiting === undefined ? undefined : waiting.since + waiting.ms),
    tick(now) {
      if (waiting === undefined || now - waiting.since < waiting.ms) return undefined;
      return pass(waiting.sample);
    },
  };
}

/** Any change must last; the first value passes immediately. */
export function createDebounce(ms: number): Delay {
  checkTime('debounce', ms);
  return createSteady((_value, steady) => (steady === undefined ? undefined : ms));
}

/** A change to true must last for `on`, a change to false for `off`; without a time it passes immediately. */
export function createDelayed(
  name: string,
  times: { readonly on?: number | undefined; readonly off?: number | undefined },
): Delay {
  const { on, off } = times;
  if (on !== undefined) checkTime(name, on);
  if (off !== undefined) checkTime(name, off);
  return createSteady((value) => {
    if (value === true) return on;
    return value === false ? off : undefined;
  });
}

/** The mean of the numbers in each period of `ms`, with the worst of their qualities. Other values pass immediately. */
export function createThrottleAverage(ms: number): Delay {
  checkTime('throttleAverage', ms);
  let count = 0;
  let mean = 0;
  let since = 0;
  /** The latest sample, with the worst quality of the period. */
  let worst: QualifiedSample | undefined;

  const clear = (): void => {
    count = 0;
    mean = 0;
    worst = undefined;
  };
  const flush = (now: number): QualifiedSample | undefined => {
    if (worst === undefined) return undefined;
    const passed = { ...worst, value: mean };
    clear();
    since = now;
    return passed;
  };

  return {
    push(sample, now) {
      if (typeof sample.value !== 'number') {
        if (sample.quality === 'bad') clear();
        return sample;
      }
      if (worst === undefined) since = now;
      count += 1;
      // No sum and no difference, which may be infinite.
      mean = mean * ((count - 1) / count) + sample.value / count;
      worst = worst === undefined ? sample : combined(sample.value, [worst, sample]);
      return now - since >= ms ? flush(now) : undefined;
    },
    due: () => (worst === undefined ? undefined : since + ms),
    tick: (now) => (now - since >= ms ? flush(now) : undefined),
  };
}

/** Publishes `bad` once if no sample arrived for `ms`. */
export function createTimeout(ms: number): Delay {
  checkTime('timeout', ms);
  let last: number | undefined;
  return {
    push(sample, now) {
      last = now;
      return sample;
    },
    due: () => (last === undefined ? undefined : last + ms),
    tick(now) {
      if (last === undefined || now - last < ms) return undefined;
      last = undefined;
      return { value: null, quality: 'bad', reason: `no sample for ${ms / 1000} s` };
    },
  };
}
