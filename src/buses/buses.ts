import type { Logger } from 'pino';
import type { Buses, I2cBus } from './bus.ts';
import { createKernelFiles } from './files.ts';
import { createGpio, type GpioParts } from './gpio.ts';
import { createI2cBus, type I2cParts } from './i2c.ts';

export interface BusesParts {
  readonly log: Logger;
  readonly i2c?: I2cParts;
  readonly gpio?: Omit<GpioParts, 'log'>;
  /** Where /sys and /proc are looked for. */
  readonly root?: string;
}

/** The machine's own buses; nothing is opened before it is used. */
export function createBuses(parts: BusesParts): Buses {
  const { log, i2c = {}, gpio = {}, root } = parts;
  const opened = new Map<string, I2cBus>();
  return {
    i2c(name) {
      const bus = opened.get(name) ?? createI2cBus(name, i2c);
      opened.set(name, bus);
      return bus;
    },
    gpio: createGpio({ ...gpio, log }),
    files: createKernelFiles(root),
    async close() {
      await Promise.all([...opened.values()].map((bus) => bus.close()));
    },
  };
}
