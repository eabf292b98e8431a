import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ads1115 from '../drivers/ads1115.ts';
import adxl345 from '../drivers/adxl345.ts';
import bh1750 from '../drivers/bh1750.ts';
import bme280 from '../drivers/bme280.ts';
import digitalInput from '../drivers/digital-input.ts';
import ds18b20 from '../drivers/ds18b20.ts';
import host from '../drivers/host.ts';
import hwmon from '../drivers/hwmon.ts';
import iio from '../drivers/iio.ts';
import ina219 from '../drivers/ina219.ts';
import ina226 from '../drivers/ina226.ts';
import lis3dh from '../drivers/lis3dh.ts';
import lm75 from '../drivers/lm75.ts';
import mcp9808 from '../drivers/mcp9808.ts';
import mcp23017 from '../drivers/mcp23017.ts';
import pca9535 from '../drivers/pca9535.ts';
import pcf8574 from '../drivers/pcf8574.ts';
import pulseCounter from '../drivers/pulse-counter.ts';
import quadratureEncoder from '../drivers/quadrature-encoder.ts';
import sht3x from '../drivers/sht3x.ts';
import sht4x from '../drivers/sht4x.ts';
import simulated from '../drivers/simulated.ts';
import tachometer from '../drivers/tachometer.ts';
import thermal from '../drivers/thermal.ts';
import tmp102 from '../drivers/tmp102.ts';
import { ownershipProblem } from './base/file-ownership.ts';
import {
  crc8,
  type Driver,
  type Drivers,
  defineDriver,
  duration,
  fromCurrentLoop,
  ntcToCelsius,
  pinSensor,
  platinumToCelsius,
  registerPins,
  sensirionWords,
  signed,
  tableToCelsius,
  toResistance,
  toVibration,
  uint16,
  uint16le,
  z,
} from './driver-kit/driver.ts';

const all: readonly Driver[] = [
  ads1115,
  adxl345,
  bh1750,
  bme280,
  digitalInput,
  ds18b20,
  host,
  hwmon,
  iio,
  ina219,
  ina226,
  lis3dh,
  lm75,
  mcp23017,
  mcp9808,
  pca9535,
  pcf8574,
  pulseCounter,
  quadratureEncoder,
  sht3x,
  sht4x,
  simulated,
  tachometer,
  thermal,
  tmp102,
];

/** Every driver that comes with the gateway, by its name. A new one is its file, its import and its place in the list. */
export const drivers: Drivers = new Map(all.map((driver) => [driver.name, driver]));

/** What a driver file outside the install is handed, as it can't import the gateway's own modules. */
export const driverKit = {
  crc8,
  defineDriver,
  duration,
  fromCurrentLoop,
  ntcToCelsius,
  pinSensor,
  platinumToCelsius,
  registerPins,
  sensirionWords,
  signed,
  tableToCelsius,
  toResistance,
  toVibration,
  uint16,
  uint16le,
  z,
} as const;

/** The form of such a file: `export default ({ defineDriver, z }) => defineDriver({ … })`. */
export type DriverFile = (kit: typeof driverKit) => Driver;

/**
 * The driver of a file outside the install, which only root or the user of this process may be able to change: it runs
 * as the gateway does. Rejects with the path and what is wrong with it.
 */
export async function loadDriver(path: string): Promise<Driver> {
  try {
    const stranger = await ownershipProblem(path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      return 'there is no such file';
    });
    if (stranger !== undefined) throw new Error(stranger);
    const module: unknown = await import(pathToFileURL(resolve(path)).href);
    const make = fileShape.parse(module).default as DriverFile;
    const driver = make(driverKit);
    driverShape.parse(driver);
    return driver;
  } catch (cause) {
    const wrong = cause instanceof z.ZodError ? z.prettifyError(cause) : undefined;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`driver ${path}: ${wrong ?? said}`, { cause });
  }
}

const callable = z.custom((value) => typeof value === 'function', 'expected a function');

const fileShape = z.object({ default: callable });

const driverShape = z.object({
  name: z.string(),
  summary: z.string(),
  bus: z.enum(['i2c', 'gpio-input', 'gpio-inputs', 'files', 'none']),
  addresses: z.array(z.int().min(0x08).max(0x77)).optional(),
  lines: z.array(z.string()).min(1).max(64).optional(),
  options: z.custom((value) => value instanceof z.ZodObject, 'expected a z.strictObject'),
  channels: callable,
  open: callable,
});
