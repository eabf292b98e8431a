import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ads1115 from '../drivers/ads1115.ts';
import digitalInput from '../drivers/digital-input.ts';
import host from '../drivers/host.ts';
import simulated from '../drivers/simulated.ts';
import tmp102 from '../drivers/tmp102.ts';
import { type Driver, type Drivers, defineDriver, duration, z } from './driver.ts';

const all: readonly Driver[] = [ads1115, digitalInput, host, simulated, tmp102];

/** Every driver that comes with the gateway, by its name. A new one is its file, its import and its place in the list. */
export const drivers: Drivers = new Map(all.map((driver) => [driver.name, driver]));

/** What a driver file outside the install is handed, as it can't import the gateway's own modules. */
export const driverKit = { defineDriver, duration, z } as const;

/** The form of such a file: `export default ({ defineDriver, z }) => defineDriver({ … })`. */
export type DriverFile = (kit: typeof driverKit) => Driver;

/** The driver of a file outside the install. Rejects with the path and what is wrong with it. */
export async function loadDriver(path: string): Promise<Driver> {
  try {
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
  bus: z.enum(['i2c', 'gpio-input', 'files', 'none']),
  addresses: z.array(z.int().min(0x08).max(0x77)).optional(),
  options: z.custom((value) => value instanceof z.ZodObject, 'expected a z.strictObject'),
  channels: callable,
  open: callable,
});
