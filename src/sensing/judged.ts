import type { Quality, Value } from '../reading.ts';

/** A sample that has been judged: `value` is null exactly when `quality` is `bad`. */
export interface Judged {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
}

/** Changes a sample; sees each one, with its moment in milliseconds that never jump. Bad ones must come out bad. */
export type Shaper = (sample: Judged, now: number) => Judged;

/** The same sample, doubted; what was doubted already keeps its reason. */
export function doubted(sample: Judged, reason: string): Judged {
  return sample.quality === 'good' ? { ...sample, quality: 'uncertain', reason } : sample;
}
