import type { SensorConfig } from '../../src/config/schema/sensors.ts';
import {
  type Driver,
  defineDriver,
  type Samples,
  type Sensor,
  z,
} from '../../src/driver-kit/driver.ts';
import { createSensors, type SensorsParts } from '../../src/sensors/sensors.ts';
import { fakeBuses } from './fake-buses.ts';
import { createManualClock } from './manual-clock.ts';
import { createQuietLog } from './quiet-log.ts';

/** A driver with one channel (or those named) whose sensor a test makes. */
export function scriptedDriver(
  open: (signal: AbortSignal) => Promise<Sensor>,
  channels: ReturnType<Driver['channels']> = [{ name: '', unit: '°C', range: [-40, 125] }],
): Driver {
  return defineDriver({
    name: 'scripted',
    summary: 'A sensor that a test makes',
    bus: 'none',
    options: z.strictObject({}),
    channels: () => channels,
    open: (_handle, _options, _tools, signal) => open(signal),
  });
}

/** A sensor that only reads. */
export function reader(read: (signal: AbortSignal) => Promise<Samples>): () => Promise<Sensor> {
  return async () => ({ read });
}

export interface Published {
  readonly topic: string;
  readonly value: unknown;
  readonly quality: string;
  readonly reason?: string;
  readonly time: string;
  readonly boot: number;
  readonly seq: number;
}

/** Sensors with one scripted sensor, read every second with a timeout of 500 ms. */
export function createCell(
  driver: Driver,
  config: Partial<SensorConfig> = {},
  parts: Partial<SensorsParts> = {},
) {
  const clock = createManualClock();
  const { log, lines } = createQuietLog();
  const published: Published[] = [];
  const sensing = createSensors({
    cell: 'robotcell1',
    boot: () => 12,
    sensors: [
      {
        name: 'boiler',
        driver: driver.name,
        every: 1000,
        timeout: 500,
        payload: 'json',
        filters: [],
        options: {},
        ...config,
      },
    ],
    drivers: new Map([[driver.name, driver]]),
    buses: fakeBuses(),
    clock,
    log,
    publish(topic, payload) {
      published.push({ topic, ...JSON.parse(Buffer.from(payload).toString()) });
    },
    random: () => 0,
    ...parts,
  });
  return {
    clock,
    sensing,
    published,
    lines,
    /** The readings since the last call, as value or reason. */
    take(): unknown[] {
      return published.splice(0).map(({ value, reason }) => reason ?? value);
    },
  };
}
