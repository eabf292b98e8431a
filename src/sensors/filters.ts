import type { KeyValueStore } from '../base/state.ts';
import type { FilterConfig } from '../config/schema/filters.ts';
import {
  createDebounce,
  createDelayed,
  createThrottleAverage,
  createTimeout,
  type Delay,
} from './delays.ts';
import { createDeadband, createHeartbeat, createThrottle, type Gate } from './publish-gates.ts';
import type { QualifiedSample, Transform } from './qualified-sample.ts';
import {
  createCalibration,
  createClamp,
  createDerivative,
  createExponentialAverage,
  createIntegral,
  createMap,
  createPolynomial,
  createRound,
  createWindow,
  invert,
  meanOf,
  numeric,
  quantileOf,
} from './transforms.ts';

/** The filters of one channel. Moments are in milliseconds that never jump. */
export interface FilterChain {
  /** The unit that a filter sets for the values; undefined if they keep their own. */
  readonly unit: string | undefined;
  /**
   * Accepts the sample of a moment; returns the sample to publish, undefined to hold it back. The result is made of this sample
   * and, if a filter needs them, of earlier ones; a bad value is never replaced by the last good one.
   */
  push(sample: QualifiedSample, now: number): QualifiedSample | undefined;
  /** When a filter passes a kept sample; undefined while none keeps one. */
  due(): number | undefined;
  /** The sample that passes at that moment, to be published. */
  tick(now: number): QualifiedSample | undefined;
}

type Stage =
  | { readonly transform: Transform }
  | { readonly gate: Gate }
  | { readonly delay: Delay };

/**
 * Filters in the order of the config. Transforms (`median`, `round`, …) change the sample for those after them. Delays
 * (`debounce`, `delayedOn`, `throttleAverage`, …) keep it from those after them until its time has come. Gates
 * (`deadband`, `throttle`) hold it back, by the sample as it is at their place: `[round: 1, deadband: 0.2]` compares
 * rounded values, and transforms behind a gate still see every sample. `heartbeat`, at any place, lets a held sample pass
 * after nothing was published for its time. A change of quality, or of the reason of a bad value, always passes gates at
 * once. `state` keeps the sum of `integrate`. Throws a RangeError for invalid numbers.
 */
export function createFilterChain(
  configs: readonly FilterConfig[],
  state: KeyValueStore,
): FilterChain {
  const stages = configs.map((config, index) => createStage(config, state, `filter ${index}`));
  const units = configs.flatMap((config) => ('unit' in config ? [config.unit] : []));
  const delays = stages.flatMap((stage, index) =>
    'delay' in stage ? [{ index, delay: stage.delay }] : [],
  );
  let published: { readonly now: number; readonly seen: readonly QualifiedSample[] } | undefined;

  /** Sends a sample through the stages from one on. */
  const run = (raw: QualifiedSample, now: number, start: number): QualifiedSample | undefined => {
    let sample = raw;
    let held = false;
    let forced = published === undefined;
    // If a sample starts at a later stage, the stages before have not seen it.
    const seen: QualifiedSample[] = Array(start).fill(raw);
    for (const [index, stage] of stages.entries()) {
      if (index < start) continue;
      if ('transform' in stage) sample = stage.transform(sample, now);
      if ('delay' in stage) {
        const passed = stage.delay.push(sample, now);
        if (passed === undefined) return undefined;
        sample = passed;
      }
      seen.push(sample);
      const last = published?.seen[index];
      if ('gate' in stage && published !== undefined && last !== undefined) {
        const decision = stage.gate.decide(sample, now, { sample: last, now: published.now });
        if (decision === 'hold') held = true;
        if (decision === 'force') forced = true;
      }
    }
    const before = published?.seen.at(-1);
    const changed = before !== undefined && qualityChanged(before, sample);
    if (held && !forced && !changed) return undefined;
    // Earlier gates still compare with the sample that they let pass.
    const front = published?.seen.slice(0, start) ?? seen.slice(0, start);
    published = { now, seen: [...front, ...seen.slice(start)] };
    return sample;
  };

  return {
    unit: units.at(-1),
    push: (sample, now) => run(sample, now, 0),
    due() {
      const times = delays.map(({ delay }) => delay.due()).filter((time) => time !== undefined);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    tick(now) {
      for (const { index, delay } of delays) {
        const time = delay.due();
        if (time === undefined || time > now) continue;
        const sample = delay.tick(now);
        if (sample !== undefined) return run(sample, now, index + 1);
      }
      return undefined;
    },
  };
}

function qualityChanged(before: QualifiedSample, after: QualifiedSample): boolean {
  if (before.quality !== after.quality) return true;
  return after.quality === 'bad' && before.reason !== after.reason;
}

function createStage(config: FilterConfig, state: KeyValueStore, key: string): Stage {
  const gate = gateOf(config);
  if (gate !== undefined) return { gate };
  const delay = delayOf(config);
  if (delay !== undefined) return { delay };
  return { transform: transformOf(config, state, key) };
}

function gateOf(config: FilterConfig): Gate | undefined {
  if ('deadband' in config) {
    const { deadband } = config;
    return typeof deadband === 'number'
      ? createDeadband(deadband, false)
      : createDeadband(deadband.percent, true);
  }
  if ('heartbeat' in config) return createHeartbeat(config.heartbeat);
  if ('throttle' in config) return createThrottle(config.throttle);
  return undefined;
}

function delayOf(config: FilterConfig): Delay | undefined {
  if ('debounce' in config) return createDebounce(config.debounce);
  if ('delayedOn' in config) return createDelayed('delayedOn', config.delayedOn, true);
  if ('delayedOff' in config) return createDelayed('delayedOff', config.delayedOff, false);
  if ('throttleAverage' in config) return createThrottleAverage(config.throttleAverage);
  if ('timeout' in config) return createTimeout(config.timeout);
  return undefined;
}

function transformOf(config: FilterConfig, state: KeyValueStore, key: string): Transform {
  if ('offset' in config) return numeric((value) => value + config.offset);
  if ('multiply' in config) return numeric((value) => value * config.multiply);
  if ('calibrate' in config) return createCalibration(config.calibrate);
  if ('polynomial' in config) return createPolynomial(config.polynomial);
  if ('round' in config) return createRound(config.round);
  if ('clamp' in config) return createClamp(config.clamp);
  if ('median' in config) return createWindow('median', config.median, (w) => quantileOf(w, 0.5));
  if ('min' in config) return createWindow('min', config.min, (w) => Math.min(...w));
  if ('max' in config) return createWindow('max', config.max, (w) => Math.max(...w));
  if ('quantile' in config) {
    const { of, at } = config.quantile;
    return createWindow('quantile', of, (window) => quantileOf(window, at));
  }
  if ('slidingAverage' in config)
    return createWindow('slidingAverage', config.slidingAverage, meanOf);
  if ('exponentialAverage' in config) return createExponentialAverage(config.exponentialAverage);
  if ('derivative' in config) return createDerivative(config.derivative);
  if ('integrate' in config) return createIntegral(config.integrate, state, key);
  if ('map' in config) return createMap(config.map);
  if ('invert' in config) return invert;
  if ('unit' in config) return (sample) => sample;
  throw new Error(`the filter ${Object.keys(config)[0]} is not created in filters.ts`);
}
