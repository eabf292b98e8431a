import type { Logger } from 'pino';
import { BusError } from './bus-error.ts';
import { createGpio, type GpioParts } from './gpio.ts';
import type { GpioBus } from './gpio-line.ts';
import { createI2cBus, type I2cParts } from './i2c.ts';
import type { I2cBus } from './i2c-device.ts';
import { createMultiplexing, type Multiplexing, parseI2cPath } from './i2c-mux.ts';
import { createKernelFiles, type KernelFiles } from './kernel-files.ts';

/** All buses of the machine. */
export interface Buses {
  /**
   * The bus of that name, e.g. `i2c-1`, or `i2c-1/0x70/3` behind a multiplexer; the same one each time.
   * Throws a BusError when it is no name of an I2C bus.
   */
  i2c(name: string): I2cBus;
  readonly gpio: GpioBus;
  readonly files: KernelFiles;
  close(): Promise<void>;
}

export interface BusesParts {
  readonly log: Logger;
  readonly i2c?: I2cParts;
  readonly gpio?: Omit<GpioParts, 'log'>;
  /** The folder that has /sys and /proc. */
  readonly root?: string;
}

/** The machine's own buses; nothing is opened before it is used. */
export function createBuses(parts: BusesParts): Buses {
  const { log, i2c = {}, gpio = {}, root } = parts;
  const opened = new Map<string, I2cBus>();
  const files = createKernelFiles(root);
  const multiplexings = new Map<string, Multiplexing>();

  const direct = (name: string): I2cBus => {
    const bus = opened.get(name) ?? createI2cBus(name, i2c);
    opened.set(name, bus);
    return bus;
  };

  const multiplexing = (name: string): Multiplexing => {
    const one = multiplexings.get(name) ?? createMultiplexing(direct(name));
    multiplexings.set(name, one);
    return one;
  };

  return {
    i2c(name) {
      const path = parseI2cPath(name);
      if (path === undefined) {
        throw new BusError('missing', `"${name}" is no I2C bus: expected i2c-1 or i2c-1/0x70/3`);
      }
      const { bus, multiplexer } = path;
      if (multiplexer === undefined) return direct(bus);
      return multiplexing(bus).channel(name, multiplexer.address, multiplexer.channel);
    },
    gpio: createGpio({ ...gpio, log }),
    files,
    async close() {
      files.close();
      await Promise.all([...opened.values()].map((bus) => bus.close()));
    },
  };
}
