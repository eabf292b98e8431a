import type { Channel, Driver, Sample, Samples, Sensor } from '../driver-kit/driver.ts';
import type { Value } from '../driver-kit/reading.ts';
import type { Forced } from './forced.ts';
import { plausibleValue } from './values.ts';

export interface SimulatedSensorParts {
  readonly name: string;
  readonly driver: Driver;
  readonly options: Readonly<Record<string, unknown>>;
  readonly channels: readonly Channel[];
  readonly forced: Forced;
  /** Seconds since the gateway was started. */
  seconds(): number;
}

/** The reason of a sensor or an output that a command makes fail. */
export const SIMULATED_FAILURE = 'simulated failure';

/** A sensor that gives plausible values, or those that a command has set. A channel that counts can be set. */
export function createSimulatedSensor(parts: SimulatedSensorParts): Sensor {
  const { name, driver, options, channels, forced, seconds } = parts;
  const corrections = new Map<string, number>();
  const modelled = (channel: Channel): Value => {
    const phase = phaseOf(`${name}/${channel.name}`);
    return plausibleValue(driver.name, channel, { seconds: seconds(), phase, options });
  };
  const valueNow = (channel: Channel): Value => {
    const value = forced.values.get(channel.name) ?? modelled(channel);
    return typeof value === 'number' ? value + (corrections.get(channel.name) ?? 0) : value;
  };
  const sample = (channel: Channel): Sample =>
    forced.failing ? { value: null, reason: SIMULATED_FAILURE } : { value: valueNow(channel) };
  const samples = (): Samples =>
    Object.fromEntries(channels.map((channel) => [channel.name, sample(channel)]));
  return {
    read: async () => samples(),
    async *changes(signal) {
      for await (const _ of forced.changes(signal)) yield samples();
    },
    set(which, value) {
      const channel = channels.find((one) => one.name === which);
      const now = channel && valueNow(channel);
      if (typeof now !== 'number') throw new Error('it is no number');
      corrections.set(which, (corrections.get(which) ?? 0) + value - now);
    },
  };
}

/** A sensor whose driver makes its values up itself, unless a command makes it fail or sets other ones. */
export function withForced(sensor: Sensor, channels: readonly Channel[], forced: Forced): Sensor {
  const apply = (samples: Samples): Samples => {
    const entries = channels.flatMap(({ name }) => {
      if (forced.failing) return [[name, { value: null, reason: SIMULATED_FAILURE }]];
      const value = forced.values.get(name);
      const sample = value === undefined ? samples[name] : { value };
      return sample === undefined ? [] : [[name, sample]];
    });
    return Object.fromEntries(entries);
  };
  const { changes } = sensor;
  return {
    ...sensor,
    read: async (signal) => apply(await sensor.read(signal)),
    ...(changes && {
      async *changes(signal) {
        for await (const samples of changes(signal)) yield apply(samples);
      },
    }),
  };
}

/** A number from 0 to 1 that differs from name to name. */
function phaseOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return (hash >>> 0) / 2 ** 32;
}
