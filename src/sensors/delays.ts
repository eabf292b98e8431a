import type { Value } from '../driver-kit/reading.ts';
import type { QualifiedSample } from './qualified-sample.ts';
import { meanOf } from './transforms.ts';

/** Keeps samples for later; those after it in the chain do not see what it keeps. Bad samples pass it at once. */
export interface Delay {
  /** Takes a sample; gives what goes on at once, undefined when nothing does. */
  push(sample: QualifiedSample, now: number): QualifiedSample | undefined;
  /** When something goes on by itself; undefined while nothing is kept. */
  due(): number | undefined;
  /** What goes on at that moment. */
  tick(now: number): QualifiedSample | undefined;
}

function checkTime(name: string, ms: number): void {
  if (!(ms > 0)) throw new RangeError(`${name}: ${ms} is no time`);
}

/**
 * A value passes when it has lasted for `ms`; until then nothing does. Values that `delays` does not name pass at once.
 * The latest sample of such a value is what passes.
 */
export function createSteady(
  name: string,
  ms: number,
  delays: (value: Value, settled: Value | undefined) => boolean,
): Delay {
  checkTime(name, ms);
  let settled: Value | undefined;
  let waiting: { sample: QualifiedSample; readonly since: number } | undefined;

  const pass = (sample: QualifiedSample): QualifiedSample => {
    waiting = undefined;
    settled = sample.value;
    return sample;
  };

  return {
    push(sample, now) {
      const { value } = sample;
      if (value === null) {
        waiting = undefined;
        settled = undefined;
        return sample;
      }
      if (value === settled || !delays(value, settled)) return pass(sample);
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

/** Any change must last; the first value passes at once. */
export function createDebounce(ms: number): Delay {
  return createSteady('debounce', ms, (_value, settled) => settled !== undefined);
}

/** A change to `delayed` must last, the other way passes at once. */
export function createDelayed(name: string, ms: number, delayed: boolean): Delay {
  return createSteady(name, ms, (value) => value === delayed);
}

/** The mean of the numbers of each `ms`; doubted when one of them was. What is no number passes at once. */
export function createThrottleAverage(ms: number): Delay {
  checkTime('throttleAverage', ms);
  let numbers: number[] = [];
  let since = 0;
  let doubt: QualifiedSample | undefined;

  const flush = (now: number): QualifiedSample | undefined => {
    if (numbers.length === 0) return undefined;
    const value = meanOf(numbers);
    const mean: QualifiedSample =
      doubt === undefined ? { value, quality: 'good' } : { ...doubt, value };
    numbers = [];
    doubt = undefined;
    since = now;
    return mean;
  };

  return {
    push(sample, now) {
      if (typeof sample.value !== 'number') {
        if (sample.quality === 'bad') {
          numbers = [];
          doubt = undefined;
        }
        return sample;
      }
      if (numbers.length === 0) since = now;
      numbers.push(sample.value);
      if (sample.quality !== 'good') doubt = sample;
      return now - since >= ms ? flush(now) : undefined;
    },
    due: () => (numbers.length === 0 ? undefined : since + ms),
    tick: (now) => (now - since >= ms ? flush(now) : undefined),
  };
}

/** Says `bad` once when no sample came for `ms`. */
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
