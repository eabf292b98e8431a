import { BusError } from '../buses/bus-error.ts';
import type { Buses } from '../buses/buses.ts';
import { chipPlace } from '../buses/i2c-device.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import type { Driver, Handles, Sensor, Tools } from '../driver-kit/driver.ts';

/** A sensor may take this long to open, however short its reads are: chips wake up, heat up, calibrate. */
export const LEAST_OPEN_MS = 5000;

/** The address of a sensor on I2C: from the config, else the chip's usual one. */
export function addressOf(config: SensorConfig, driver: Driver): number | undefined {
  return config.address ?? driver.addresses?.[0];
}

/** The key of a resource that sensors may share, such as a chip: only one of them may use it at a time. */
export function sharedPlace(config: SensorConfig, driver: Driver): string | undefined {
  const address = addressOf(config, driver);
  if (driver.bus !== 'i2c' || address === undefined) return undefined;
  return chipPlace(config.bus ?? 'i2c-1', address);
}

/** The handle that the driver is opened with, by the bus that it declares. Throws a BusError if the config does not name its place. */
export function handleFor(
  config: SensorConfig,
  driver: Driver,
  buses: Buses,
): Handles[keyof Handles] {
  switch (driver.bus) {
    case 'i2c': {
      const address = addressOf(config, driver);
      if (address === undefined) throw new BusError('missing', 'no I2C address is configured');
      return buses.i2c(config.bus ?? 'i2c-1').device(address);
    }
    case 'gpio-input':
      if (config.line === undefined) throw new BusError('missing', 'no GPIO line is configured');
      return buses.gpio.line(config.line);
    case 'gpio-inputs':
      if (config.lines === undefined) throw new BusError('missing', 'no GPIO lines are configured');
      return buses.gpio.lines(config.lines);
    case 'files':
      return buses.files;
    case 'none':
      return undefined;
  }
}

/** Opens a sensor; `open` would open its driver. */
export type OpenInstead = (
  config: SensorConfig,
  driver: Driver,
  open: () => Promise<Sensor>,
) => Promise<Sensor>;

export interface OpenSensorParts {
  readonly driver: Driver;
  readonly buses: Buses;
  readonly tools: Tools;
  readonly openInstead?: OpenInstead | undefined;
}

/** Opens the driver of a sensor, or what it is in its place. */
export async function openSensor(
  config: SensorConfig,
  { driver, buses, tools, openInstead }: OpenSensorParts,
  signal: AbortSignal,
): Promise<Sensor> {
  const open = async (): Promise<Sensor> =>
    driver.open(handleFor(config, driver, buses), config.options, tools, signal);
  return openInstead ? openInstead(config, driver, open) : open();
}
