import type { Value } from '../driver-kit/reading.ts';
import {
  asUncertain,
  combined,
  isUncertain,
  type QualifiedSample,
  type Transform,
} from './qualified-sample.ts';

/** A transform that changes numbers only. */
export function numeric(change: (value: number) => number): Transform {
  return (sample) =>
    typeof sample.value === 'number' ? { ...sample, value: change(sample.value) } : sample;
}

/** The straight line through two points; values beyond them are extrapolated. */
export function createCalibration([[rawA, trueA], [rawB, trueB]]: readonly [
  readonly [number, number],
  readonly [number, number],
]): Transform {
  if (rawA === rawB) throw new RangeError(`calibrate: both points have the raw value ${rawA}`);
  const slope = (trueB - trueA) / (rawB - rawA);
  return numeric((value) => trueA + (value - rawA) * slope);
}

/** c0 + c1 x + c2 x² + … */
export function createPolynomial(coefficients: readonly number[]): Transform {
  if (coefficients.length === 0) throw new RangeError('polynomial: no coefficient');
  return numeric((value) => coefficients.reduceRight((sum, one) => sum * value + one, 0));
}

export function createRound(decimals: number): Transform {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > 20) {
    throw new RangeError(`round: ${decimals} is no number of decimals from 0 to 20`);
  }
  return numeric((value) => Number(value.toFixed(decimals)));
}

/** Does not change the value; outside the limits it is `uncertain`, because a clipped value would not be a measured one. */
export function createClamp([low, high]: readonly [number, number]): Transform {
  if (!(low <= high)) throw new RangeError(`clamp: ${low} is more than ${high}`);
  return (sample) => {
    const { value } = sample;
    if (typeof value !== 'number' || (value >= low && value <= high)) return sample;
    return asUncertain(sample, `outside ${low} to ${high}`);
  };
}

/**
 * One value from the last `size` numbers, with the worst of their qualities; `uncertain` until there are so many, and again
 * after a bad sample.
 */
export function createWindow(
  name: string,
  size: number,
  of: (window: readonly number[]) => number,
): Transform {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`${name}: ${size} is no count`);
  const numbers: number[] = [];
  const samples: QualifiedSample[] = [];
  return (sample) => {
    if (sample.quality === 'bad') {
      numbers.length = 0;
      samples.length = 0;
    }
    if (typeof sample.value !== 'number') return sample;
    numbers.push(sample.value);
    samples.push(sample);
    if (numbers.length > size) {
      numbers.shift();
      samples.shift();
    }
    const result = combined(of(numbers), samples);
    if (numbers.length === size) return result;
    return asUncertain(result, `filter warming up (${numbers.length} of ${size})`);
  };
}

/** The quantile of the window, interpolated between two values; 0.5 is the median. */
export function quantileOf(window: readonly number[], at: number): number {
  const sorted = window.toSorted((a, b) => a - b);
  const place = at * (sorted.length - 1);
  const lower = sorted[Math.floor(place)] ?? Number.NaN;
  const upper = sorted[Math.ceil(place)] ?? Number.NaN;
  // No product of a difference, which may be infinite.
  const part = place - Math.floor(place);
  return lower === upper ? lower : lower * (1 - part) + upper * part;
}

export function meanOf(window: readonly number[]): number {
  return window.reduce((sum, value) => sum + value / window.length, 0);
}

/** Earlier samples count as used by a mean while they have at least this share of it. */
const USED_SHARE = 0.01;

/**
 * The newest value has the weight `alpha`, all earlier ones the rest; starts over after a bad sample. The mean is `uncertain`
 * while `uncertain` samples together have at least 1 % of it.
 */
export function createExponentialAverage(alpha: number): Transform {
  if (!(alpha > 0 && alpha <= 1)) {
    throw new RangeError(`exponentialAverage: ${alpha} is not above 0 and at most 1`);
  }
  let mean: number | undefined;
  let unsure: { readonly sample: QualifiedSample; share: number } | undefined;
  return (sample) => {
    if (sample.quality === 'bad') {
      mean = undefined;
      unsure = undefined;
    }
    if (typeof sample.value !== 'number') return sample;
    if (unsure !== undefined) unsure.share *= 1 - alpha;
    const isUsed = unsure !== undefined && unsure.share >= USED_SHARE;
    const used = unsure !== undefined && isUsed ? [unsure.sample, sample] : [sample];
    if (isUncertain(sample)) {
      const before = unsure?.share ?? 0;
      unsure = { sample, share: mean === undefined ? 1 : before + alpha };
    }
    mean = mean === undefined ? sample.value : mean + alpha * (sample.value - mean);
    return combined(mean, used);
  };
}

/** True becomes false, and false becomes true. */
export function invert(sample: QualifiedSample): QualifiedSample {
  return typeof sample.value === 'boolean' ? { ...sample, value: !sample.value } : sample;
}

/** Replaces values by words; one that is not in the map is `uncertain`. */
export function createMap(words: Readonly<Record<string, Exclude<Value, null>>>): Transform {
  const known = new Map(Object.entries(words));
  return (sample) => {
    if (sample.value === null) return sample;
    const value = known.get(String(sample.value));
    return value === undefined
      ? asUncertain(sample, `${sample.value} is not in the map`)
      : { ...sample, value };
  };
}

/** A sample and its moment. */
interface Moment {
  readonly sample: QualifiedSample;
  readonly value: number;
  readonly now: number;
}

/** Change in `perMs`, between two samples that are not bad; the first is `uncertain`. */
export function createDerivative(perMs: number): Transform {
  if (!(perMs > 0)) throw new RangeError(`derivative: ${perMs} is no time`);
  let before: Moment | undefined;
  return (sample, now) => {
    const { value } = sample;
    if (typeof value !== 'number') {
      if (sample.quality === 'bad') before = undefined;
      return sample;
    }
    const from = before;
    before = { sample, value, now };
    if (from === undefined || now <= from.now) {
      return asUncertain({ ...sample, value: 0 }, 'filter warming up (1 of 2)');
    }
    return combined(((value - from.value) / (now - from.now)) * perMs, [from.sample, sample]);
  };
}
