import path from 'node:path';
import type { Driver, Drivers } from '../driver-kit/driver.ts';
import { loadDriver } from '../driver-table.ts';
import { sensorSchema } from './schema/sensors.ts';
import type { Finding } from './yaml/problem.ts';

/** A driver in a separate file, as a config names it. */
const FILE = /\.[cm]?js$/;

/** The drivers of the installation and those in files that the sensors name, by their names in the config. */
export interface AllDrivers {
  readonly drivers: Drivers;
  /** Files that could not be loaded. */
  readonly findings: readonly Finding[];
}

/** Loads the driver files that a config's sensors name; paths are relative to the config's folder. Runs their code. */
export async function withOutsideDrivers(
  drivers: Drivers,
  sensors: unknown,
  folder: string,
): Promise<AllDrivers> {
  const all = new Map(drivers);
  const findings: Finding[] = [];
  const failed = new Map<string, string>();
  for (const [index, sensor] of (Array.isArray(sensors) ? sensors : []).entries()) {
    const file = (sensor as { driver?: unknown } | null)?.driver;
    if (typeof file !== 'string' || !FILE.test(file)) continue;
    if (!all.has(file) && !failed.has(file)) {
      try {
        all.set(file, await fitting(await loadDriver(path.resolve(folder, file)), file));
      } catch (error) {
        failed.set(file, error instanceof Error ? error.message : String(error));
      }
    }
    const message = failed.get(file);
    if (message === undefined) continue;
    findings.push({ path: ['sensors', index, 'driver'], at: 'value', message: oneLine(message) });
  }
  return { drivers: all, findings };
}

/** The driver under the name of its file. Throws when its options conflict with the keys of every sensor. */
async function fitting(driver: Driver, file: string): Promise<Driver> {
  const named = { ...driver, name: file };
  sensorSchema(new Map([[file, named]]));
  return named;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
