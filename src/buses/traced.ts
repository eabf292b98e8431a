import { type Buses, type GpioInput, hex, type I2cDevice } from './bus.ts';

/** One exchange with the hardware: `sent` and `received` as people read them; an error is a sentence. */
export interface Exchange {
  /** E.g. `0x48 on i2c-1`, `line DI0` or a file's path. */
  readonly where: string;
  /** Empty where nothing is sent, as in reading a line. */
  readonly sent: string;
  readonly received?: string;
  readonly error?: string;
}

/** The same buses, with every exchange told to `tell` when it is over. */
export function traced(buses: Buses, tell: (exchange: Exchange) => void): Buses {
  const watch = async <T>(
    where: string,
    sent: string,
    operation: Promise<T>,
    show: (result: T) => string,
  ): Promise<T> => {
    try {
      const result = await operation;
      tell({ where, sent, received: show(result) });
      return result;
    } catch (error) {
      tell({ where, sent, error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  };

  const tracedDevice = (device: I2cDevice, where: string): I2cDevice => ({
    transfer: (write, readLength) =>
      watch(where, spaced(write), device.transfer(write, readLength), spaced),
  });

  const tracedInput = (input: GpioInput, where: string): GpioInput => ({
    read: () => watch(where, '', input.read(), (level) => (level ? '1' : '0')),
    edges: (signal) => input.edges(signal),
    close: () => input.close(),
  });

  return {
    i2c(name) {
      const bus = buses.i2c(name);
      return {
        device: (address) => tracedDevice(bus.device(address), `${hex(address)} on ${name}`),
        close: () => bus.close(),
      };
    },
    gpio: {
      line: (name) => ({
        input: async (options) =>
          tracedInput(
            await watch(
              `line ${name}`,
              'open',
              buses.gpio.line(name).input(options),
              () => 'taken',
            ),
            `line ${name}`,
          ),
      }),
      chips: () => buses.gpio.chips(),
    },
    files: {
      read: (path) => watch(path, '', buses.files.read(path), firstLine),
      list: (path) => watch(path, '', buses.files.list(path), (names) => names.join(' ')),
      space: (path) => watch(path, '', buses.files.space(path), (space) => JSON.stringify(space)),
    },
    close: () => buses.close(),
  };
}

function spaced(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function firstLine(text: string): string {
  const [line = '', ...more] = text.split('\n');
  return more.length === 0 ? line : `${line} (and ${more.length} more lines)`;
}
