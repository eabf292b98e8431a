import type { Value } from '../driver-kit/reading.ts';
import type { QualifiedSample } from './qualified-sample.ts';
import { meanOf } from './transforms.ts';

/** Keeps samples for later; filters after it do not see a sample while it is kept. Bad samples pass immediately. */
export interface Delay {
  /** Accepts a sample; returns the sample that passes immediately, undefined if none does. */
  push(sample: QualifiedSample, now: number): QualifiedSample | undefined;
  /** When a kept sample passes; undefined while none is kept. */
  due(): number | undefined;
  /** The sample that passes at that moment. */
  tick(now: number): QualifiedSample | undefined;
}

function checkTime(name: string, ms: number): void {
  if (!(ms > 0)) throw new RangeError(`${name}: ${ms} is no time`);
}

/**
 * A value passes when it has lasted for `ms`; until then nothing passes. Values for which `delays` is false pass immediately.
 * The sample that passes is the latest one of that value.
 */
export function createSteady(
  name: string,
  ms: number,
  delays: (value: Value, steady: Value | undefined) => boolean,
): Delay {
  checkTime(name, ms);
  let steady: Value | undefined;
  let waiting: { sample: QualifiedSample; readonly since: number } | undefined;

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
      if (value === steady || !delays(value, steady)) return pass(sample);
      const since = waiting?.sample.value === value ? waiting.since : now;
      if (now - since >= ms) return pass(sample);
      waiting = { sample, since };
      return undefined;
    },
    due: () => (waiting === undefined ? undefined : waiting.since + ms),
    tick(now) {
      if (waiting === undefined || now - waiting.since < ms) return undefined;
      return pass(waiting.sample);
    },
  };
}

/** Any change must last; the first value passes immediately. */
export function createDebounce(ms: number): Delay {
  return createSteady('debounce', ms, (_value, steady) => steady !== undefined);
}

/** A change to `delayed` must last; the opposite change passes immediately. */
export function createDelayed(name: string, ms: number, delayed: boolean): Delay {
  return createSteady(name, ms, (value) => value === delayed);
}

/** The mean of the numbers in each period of `ms`; `uncertain` if one of them was. Other values pass immediately. */
export function createThrottleAverage(ms: number): Delay {
  checkTime('throttleAverage', ms);
  let numbers: number[] = [];
  let since = 0;
  let uncertain: QualifiedSample | undefined;

  const flush = (now: number): QualifiedSample | undefined => {
    if (numbers.length === 0) return undefined;
    const value = meanOf(numbers);
    const mean: QualifiedSample =
      uncertain === undefined ? { value, quality: 'good' } : { ...uncertain, value };
    numbers = [];
    uncertain = undefined;
    since = now;
    return mean;
  };

  return {
    push(sample, now) {
      if (typeof sample.value !== 'number') {
        if (sample.quality === 'bad') {
          numbers = [];
          uncertain = undefined;
        }
        return sample;
      }
      if (numbers.length === 0) since = now;
      numbers.push(sample.value);
      if (sample.quality !== 'good') uncertain = sample;
      return now - since >= ms ? flush(now) : undefined;
    },
    due: () => (numbers.length === 0 ? undefined : since + ms),
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
