import type { FilterConfig } from '../config/filters.ts';
import type { Quality, Value } from '../reading.ts';

/** A sample that has been judged: `value` is null exactly when `quality` is `bad`. */
export interface Judged {
  readonly value: Value;
  readonly quality: Quality;
  readonly reason?: string;
}

/** The filters of one channel. */
export interface FilterChain {
  /**
   * Takes the sample of a moment (milliseconds that never jump); gives what to publish, undefined to hold it back.
   * What it gives is always this sample, never one from before.
   */
  push(sample: Judged, now: number): Judged | undefined;
}

/** Changes a sample; sees each one. Bad ones must come out bad. */
type Shaper = (sample: Judged) => Judged;

/** Decides whether a sample may pass, by the last one that was published as it looked at this place of the chain. */
interface Gate {
  judge(sample: Judged, now: number, last: Published): 'hold' | 'neutral' | 'force';
}

interface Published {
  readonly sample: Judged;
  readonly now: number;
}

type Stage = { readonly shape: Shaper } | { readonly gate: Gate };

/**
 * Filters in the order of the config. `median`, `round`, `calibrate` and `clamp` shape the sample for those after them.
 * `deadband` and `throttle` hold it back, judging it as it is at their place: `[round: 1, deadband: 0.2]` compares rounded
 * values. `heartbeat`, wherever it stands, lets a held sample pass once nothing was published for so long. A change of
 * quality, or of why a value is bad, always passes at once. Throws a RangeError for numbers that make no sense.
 */
export function createFilterChain(configs: readonly FilterConfig[]): FilterChain {
  const stages = configs.map(createStage);
  let published: { readonly now: number; readonly seen: readonly Judged[] } | undefined;

  return {
    push(raw, now) {
      let sample = raw;
      let held = false;
      let forced = published === undefined;
      const seen: Judged[] = [];
      for (const [index, stage] of stages.entries()) {
        if ('shape' in stage) sample = stage.shape(sample);
        seen.push(sample);
        const last = published?.seen[index];
        if ('gate' in stage && published !== undefined && last !== undefined) {
          const verdict = stage.gate.judge(sample, now, { sample: last, now: published.now });
          if (verdict === 'hold') held = true;
          if (verdict === 'force') forced = true;
        }
      }
      const before = published?.seen.at(-1);
      if (held && !forced && !(before !== undefined && isNews(before, sample))) return undefined;
      published = { now, seen };
      return sample;
    },
  };
}

function isNews(before: Judged, after: Judged): boolean {
  if (before.quality !== after.quality) return true;
  return after.quality === 'bad' && before.reason !== after.reason;
}

function createStage(config: FilterConfig): Stage {
  if ('median' in config) return { shape: createMedian(config.median) };
  if ('deadband' in config) return { gate: createDeadband(config.deadband) };
  if ('heartbeat' in config) return { gate: createHeartbeat(config.heartbeat) };
  if ('throttle' in config) return { gate: createThrottle(config.throttle) };
  if ('round' in config) return { shape: createRound(config.round) };
  if ('calibrate' in config) return { shape: createCalibration(config.calibrate) };
  return { shape: createClamp(config.clamp) };
}

function numeric(change: (value: number, sample: Judged) => Judged): Shaper {
  return (sample) => (typeof sample.value === 'number' ? change(sample.value, sample) : sample);
}

/** Median of the last `size` numbers; `uncertain` until there are as many, and again after a bad sample. */
function createMedian(size: number): Shaper {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`median: ${size} is no count`);
  const window: number[] = [];
  const median = numeric((newest, sample) => {
    window.push(newest);
    if (window.length > size) window.shift();
    const sorted = window.toSorted((a, b) => a - b);
    const upper = sorted[Math.floor(window.length / 2)] ?? newest;
    const lower = sorted[Math.ceil(window.length / 2) - 1] ?? newest;
    const value = lower === upper ? upper : lower / 2 + upper / 2;
    if (window.length === size || sample.quality !== 'good') return { ...sample, value };
    const reason = `filter warming up (${window.length} of ${size})`;
    return { value, quality: 'uncertain', reason };
  });
  return (sample) => {
    if (sample.quality === 'bad') window.length = 0;
    return median(sample);
  };
}

/** Float arithmetic must not turn a step of exactly the band into less. */
const ROUNDING = 1 - 1e-9;

/** Holds back a value that differs by less than `band` from the published one, or at all where it is no number. */
function createDeadband(band: number): Gate {
  if (!(band >= 0)) throw new RangeError(`deadband: ${band} is negative`);
  return {
    judge({ value, quality }, _now, last) {
      if (quality === 'bad') return 'neutral';
      if (typeof value === 'number' && typeof last.sample.value === 'number') {
        const step = Math.abs(value - last.sample.value);
        return step === 0 || step < band * ROUNDING ? 'hold' : 'neutral';
      }
      return value === last.sample.value ? 'hold' : 'neutral';
    },
  };
}

function createThrottle(ms: number): Gate {
  if (!(ms > 0)) throw new RangeError(`throttle: ${ms} is no time`);
  return { judge: (_sample, now, last) => (now - last.now < ms ? 'hold' : 'neutral') };
}

function createHeartbeat(ms: number): Gate {
  if (!(ms > 0)) throw new RangeError(`heartbeat: ${ms} is no time`);
  return { judge: (_sample, now, last) => (now - last.now >= ms ? 'force' : 'neutral') };
}

function createRound(decimals: number): Shaper {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > 20) {
    throw new RangeError(`round: ${decimals} is no number of decimals from 0 to 20`);
  }
  return numeric((value, sample) => ({ ...sample, value: Number(value.toFixed(decimals)) }));
}

/** The straight line through two points; values beyond them are extrapolated. */
function createCalibration([[rawA, trueA], [rawB, trueB]]: readonly [
  readonly [number, number],
  readonly [number, number],
]): Shaper {
  if (rawA === rawB) throw new RangeError(`calibrate: both points have the raw value ${rawA}`);
  const slope = (trueB - trueA) / (rawB - rawA);
  return numeric((value, sample) => ({ ...sample, value: trueA + (value - rawA) * slope }));
}

/** Leaves the value as it is but says when it can't be: clipping it would show a value that nobody measured. */
function createClamp([low, high]: readonly [number, number]): Shaper {
  if (!(low <= high)) throw new RangeError(`clamp: ${low} is more than ${high}`);
  return numeric((value, sample) =>
    value >= low && value <= high
      ? sample
      : { value, quality: 'uncertain', reason: `outside ${low} to ${high}` },
  );
}
