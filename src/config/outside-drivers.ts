import path from 'node:path';
import type { Driver, Drivers } from '../driver-kit/driver.ts';
import { loadDriver } from '../driver-kit/driver-file.ts';
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
  const outside = new Map<string, Driver>();
  const findings: Finding[] = [];
  const failed = new Map<string, string>();
  for (const [index, sensor] of (Array.isArray(sensors) ? sensors : []).entries()) {
    const file = (sensor as { driver?: unknown } | null)?.driver;
    if (typeof file !== 'string' || !FILE.test(file)) continue;
    if (!drivers.has(file) && !outside.has(file) && !failed.has(file)) {
      try {
        outside.set(file, await fitting(await loadDriver(path.resolve(folder, file)), file));
      } catch (error) {
        failed.set(file, error instanceof Error ? error.message : String(error));
      }
    }
    const message = failed.get(file);
    if (message === undefined) continue;
    findings.push({
      path: ['sensors', index, 'driver'],
      at: 'value',
      message: expectedFile(oneLine(message)),
    });
  }
  const all = outside.size === 0 ? drivers : new Map([...drivers, ...outside]);
  return { drivers: all, findings };
}

/** The driver under the name of its file. Throws when its options conflict with the keys of every sensor. */
async function fitting(driver: Driver, file: string): Promise<Driver> {
  const named = { ...driver, name: file };
  sensorSchema(new Map([[file, named]]));
  return named;
}

/** What the file of a driver must be; a message of the driver itself says so already. */
function expectedFile(message: string): string {
  if (message.includes('expected')) return message;
  return message.endsWith('there is no such file')
    ? `${message}, expected a driver file there, or the name of a driver that comes with the gateway`
    : `${message}, expected a driver as in docs/write-a-driver.md`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
