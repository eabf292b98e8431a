import type { Quality, Value } from '../driver-kit/reading.ts';

/** A sample with a quality: `value` is null exactly when `quality` is `bad`. */
export interface QualifiedSample {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
}

/** Changes a sample; it is called with each one and its moment in milliseconds that never jump. A bad sample must stay bad. */
export type Transform = (sample: QualifiedSample, now: number) => QualifiedSample;

/** The same sample as `uncertain`; one that is not `good` keeps its quality and reason. */
export function asUncertain(sample: QualifiedSample, reason: string): QualifiedSample {
  return sample.quality === 'good' ? { ...sample, quality: 'uncertain', reason } : sample;
}
