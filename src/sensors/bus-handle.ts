import { BusError } from '../buses/bus-error.ts';
import type { Buses } from '../buses/buses.ts';
import { chipPlace } from '../buses/i2c-device.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import type { Driver, Handles } from '../driver-kit/driver.ts';

/** A sensor may take this long to open, however short its reads are: chips wake up, heat up, calibrate. */
export const LEAST_OPEN_MS = 5000;

/** The address of a sensor on I2C: the config's, else the chip's usual one. */
export function addressOf(config: SensorConfig, driver: Driver): number | undefined {
  return config.address ?? driver.addresses?.[0];
}

/** What sensors may share, so that only one of them may talk to it at a time: a chip. */
export function sharedPlace(config: SensorConfig, driver: Driver): string | undefined {
  const address = addressOf(config, driver);
  if (driver.bus !== 'i2c' || address === undefined) return undefined;
  return chipPlace(config.bus ?? 'i2c-1', address);
}

/** What the driver is opened with, from the bus it declares. Throws a BusError when the config does not say where it is. */
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
