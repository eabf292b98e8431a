import type { QualifiedSample } from './qualified-sample.ts';

/** The sample that was published last, with its value at this place of the chain, and its moment. */
export interface Published {
  readonly sample: QualifiedSample;
  readonly now: number;
}

/** Decides whether a sample may pass, by comparing it with the last published one at this place of the chain. */
export interface Gate {
  decide(sample: QualifiedSample, now: number, last: Published): 'hold' | 'neutral' | 'force';
  /** So long after a publication it holds samples back, whatever their value; absent if that depends on the value. */
  readonly holdsForMs?: number;
  /** So long after a publication it forces another one. */
  readonly forcesAfterMs?: number;
}

/** Because of float arithmetic, a step of exactly the band could be computed as less. */
const ROUNDING = 1 - 1e-9;

/** Holds back a value that differs by less than `band` from the published one, or at all if it is not a number. */
export function createDeadband(band: number, percent: boolean): Gate {
  if (!(band >= 0)) throw new RangeError(`deadband: ${band} is negative`);
  return {
    decide({ value, quality }, _now, last) {
      if (quality === 'bad') return 'neutral';
      if (typeof value === 'number' && typeof last.sample.value === 'number') {
        const step = Math.abs(value - last.sample.value);
        const wide = percent ? (band / 100) * Math.abs(last.sample.value) : band;
        return step === 0 || step < wide * ROUNDING ? 'hold' : 'neutral';
      }
      return value === last.sample.value ? 'hold' : 'neutral';
    },
  };
}

/** Lets one sample pass in each `ms`; the latest of those that it holds back passes when that time is over. */
export function createThrottle(ms: number): Gate {
  if (!(ms > 0)) throw new RangeError(`throttle: ${ms} is no time`);
  return {
    holdsForMs: ms,
    decide: (_sample, now, last) => (now - last.now < ms ? 'hold' : 'neutral'),
  };
}

/** Forces a sample to pass when nothing was published for `ms`. */
export function createHeartbeat(ms: number): Gate {
  if (!(ms > 0)) throw new RangeError(`heartbeat: ${ms} is no time`);
  return {
    forcesAfterMs: ms,
    decide: (_sample, now, last) => (now - last.now >= ms ? 'force' : 'neutral'),
  };
}
