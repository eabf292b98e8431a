import type { QualifiedSample } from './qualified-sample.ts';

/** What was published last, as it looked at a place of the chain, and when. */
export interface Published {
  readonly sample: QualifiedSample;
  readonly now: number;
}

/** Decides whether a sample may pass, by the last one that was published as it looked at this place of the chain. */
export interface Gate {
  judge(sample: QualifiedSample, now: number, last: Published): 'hold' | 'neutral' | 'force';
}

/** Float arithmetic must not turn a step of exactly the band into less. */
const ROUNDING = 1 - 1e-9;

/** Holds back a value that differs by less than `band` from the published one, or at all where it is no number. */
export function createDeadband(band: number, percent: boolean): Gate {
  if (!(band >= 0)) throw new RangeError(`deadband: ${band} is negative`);
  return {
    judge({ value, quality }, _now, last) {
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

export function createThrottle(ms: number): Gate {
  if (!(ms > 0)) throw new RangeError(`throttle: ${ms} is no time`);
  return { judge: (_sample, now, last) => (now - last.now < ms ? 'hold' : 'neutral') };
}

export function createHeartbeat(ms: number): Gate {
  if (!(ms > 0)) throw new RangeError(`heartbeat: ${ms} is no time`);
  return { judge: (_sample, now, last) => (now - last.now >= ms ? 'force' : 'neutral') };
}
