import type { Logger } from 'pino';
import { BusError, type Buses, type I2cBus } from './bus.ts';
import { createKernelFiles } from './files.ts';
import { createGpio, type GpioParts } from './gpio.ts';
import { createI2cBus, type I2cParts } from './i2c.ts';
import { createMultiplexing, type Multiplexing, parseI2cPath } from './i2c-mux.ts';

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
    files: createKernelFiles(root),
    async close() {
      await Promise.all([...opened.values()].map((bus) => bus.close()));
    },
  };
}
