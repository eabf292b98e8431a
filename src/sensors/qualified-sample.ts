import { CLOCK_NOT_SET, type Quality, type Value } from '../driver-kit/reading.ts';

/** A sample with a quality: `value` is null exactly when `quality` is `bad`. */
export interface QualifiedSample {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
}

/** Changes a sample; it is called with each one and its moment in milliseconds that never jump. A bad sample must stay bad. */
export type Transform = (sample: QualifiedSample, now: number) => QualifiedSample;

/** Whether the value itself is uncertain, not only the time of the reading. */
export function isUncertain({ quality, reason }: QualifiedSample): boolean {
  return quality === 'uncertain' && reason !== CLOCK_NOT_SET;
}

/** The same sample as `uncertain`; one that is uncertain already keeps its quality and reason. */
export function asUncertain(sample: QualifiedSample, reason: string): QualifiedSample {
  if (sample.quality === 'bad' || isUncertain(sample)) return sample;
  return { value: sample.value, quality: 'uncertain', reason };
}

/**
 * A value that was made of several samples, the newest last: its quality is the worst of theirs, with the reason of the
 * newest that has it. A clock that is not set counts least, as it does not change a value.
 */
export function combined(value: Value, used: readonly QualifiedSample[]): QualifiedSample {
  const worst =
    used.findLast(isUncertain) ?? used.findLast(({ quality }) => quality === 'uncertain');
  return worst === undefined ? { value, quality: 'good' } : { ...worst, value };
}

/** Whether two samples say the same. */
export function isSame(a: QualifiedSample, b: QualifiedSample): boolean {
  return a.value === b.value && a.quality === b.quality && a.reason === b.reason;
}
