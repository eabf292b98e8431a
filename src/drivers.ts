import ads1115 from '../drivers/ads1115.ts';
import digitalInput from '../drivers/digital-input.ts';
import host from '../drivers/host.ts';
import simulated from '../drivers/simulated.ts';
import tmp102 from '../drivers/tmp102.ts';
import type { Driver } from './driver.ts';

const all: readonly Driver[] = [ads1115, digitalInput, host, simulated, tmp102];

/** Every driver that comes with the gateway, by its name. A new one is its file, its import and its place in the list. */
export const drivers: ReadonlyMap<string, Driver> = new Map(
  all.map((driver) => [driver.name, driver]),
);
