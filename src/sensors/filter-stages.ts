import type { FilterConfig } from '../config/schema/filters.ts';
import {
  createDebounce,
  createDelayed,
  createThrottleAverage,
  createTimeout,
  type Delay,
} from './delays.ts';
import { createFilterOut } from './filter-out.ts';
import { createIntegral, type IntegralState } from './integral.ts';
import { createDeadband, createHeartbeat, createThrottle, type Gate } from './publish-gates.ts';
import type { Transform } from './qualified-sample.ts';
import {
  createCalibration,
  createClamp,
  createDerivative,
  createExponentialAverage,
  createMap,
  createPolynomial,
  createRound,
  createWindow,
  invert,
  meanOf,
  numeric,
  quantileOf,
} from './transforms.ts';

/** One filter: it changes samples, keeps them for later, or decides whether they are published. */
export type Stage =
  | {
      readonly transform: Transform;
      /** Only of `integrate`: its sum becomes this value. */
      set?(value: number): void;
    }
  | { readonly gate: Gate }
  | { readonly delay: Delay };

export interface StagesParts extends Omit<IntegralState, 'key' | 'formerKeys'> {
  /** The unit of the channel. */
  readonly unit: string;
}

/**
 * The filters in the order of the config. The sum of `integrate` belongs to the first, second, … of a chain, wherever it
 * is. Throws a RangeError for invalid numbers.
 */
export function createStages(configs: readonly FilterConfig[], parts: StagesParts): Stage[] {
  let unit = parts.unit;
  let scale = 1;
  let integrals = 0;
  return configs.map((config, index): Stage => {
    if ('unit' in config) unit = config.unit;
    if ('multiply' in config) scale *= config.multiply;
    if (!('integrate' in config)) return createStage(config);
    integrals += 1;
    const key = integrals === 1 ? 'integrate' : `integrate ${integrals}`;
    const after = configs.slice(index).find((one) => 'unit' in one)?.unit ?? unit;
    const form = { perMs: config.integrate, input: unit, unit: after, scale };
    return createIntegral(form, { ...parts, key, formerKeys: [`filter ${index}`] });
  });
}

function createStage(config: FilterConfig): Stage {
  const gate = gateOf(config);
  if (gate !== undefined) return { gate };
  const delay = delayOf(config);
  if (delay !== undefined) return { delay };
  return { transform: transformOf(config) };
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
  if ('delayed' in config) return createDelayed('delayed', config.delayed);
  if ('delayedOn' in config) return createDelayed('delayedOn', { on: config.delayedOn });
  if ('delayedOff' in config) return createDelayed('delayedOff', { off: config.delayedOff });
  if ('throttleAverage' in config) return createThrottleAverage(config.throttleAverage);
  if ('timeout' in config) return createTimeout(config.timeout);
  if ('filterOut' in config) return createFilterOut(config.filterOut);
  return undefined;
}

function transformOf(config: FilterConfig): Transform {
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
  if ('map' in config) return createMap(config.map);
  if ('invert' in config) return invert;
  if ('unit' in config) return (sample) => sample;
  throw new Error(`the filter ${Object.keys(config)[0]} is not created in filter-stages.ts`);
}
