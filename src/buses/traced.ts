import type { Buses } from './buses.ts';
import type { GpioInput, GpioInputs, GpioOutput } from './gpio-line.ts';
import { hex, type I2cDevice } from './i2c-device.ts';

/** One exchange with the hardware: `sent` and `received` as text; an error is a sentence. */
export interface Exchange {
  /** E.g. `0x48 on i2c-1`, `line DI0` or a file's path. */
  readonly where: string;
  /** Empty where nothing is sent, as in reading a line. */
  readonly sent: string;
  readonly received?: string;
  readonly error?: string;
}

/** The same buses; `report` gets every exchange when it is over. */
export function traced(buses: Buses, report: (exchange: Exchange) => void): Buses {
  const observe = async <T>(
    where: string,
    sent: string,
    operation: Promise<T>,
    show: (result: T) => string,
  ): Promise<T> => {
    try {
      const result = await operation;
      report({ where, sent, received: show(result) });
      return result;
    } catch (error) {
      report({ where, sent, error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  };

  const tracedDevice = (device: I2cDevice, where: string): I2cDevice => ({
    transfer: (write, readLength) =>
      observe(where, spaced(write), device.transfer(write, readLength), spaced),
  });

  const tracedInput = (input: GpioInput, where: string): GpioInput => ({
    read: () => observe(where, '', input.read(), digit),
    edges: (signal) => input.edges(signal),
    close: () => input.close(),
  });

  const tracedInputs = (inputs: GpioInputs, where: string): GpioInputs => ({
    read: () => observe(where, '', inputs.read(), (levels) => levels.map(digit).join(' ')),
    edges: (signal) => inputs.edges(signal),
    close: () => inputs.close(),
  });

  const tracedOutput = (output: GpioOutput, where: string): GpioOutput => ({
    write: (value) => observe(where, digit(value), output.write(value), () => ''),
    read: () => observe(where, '', output.read(), digit),
    close: () => output.close(),
  });

  const taken = <T>(where: string, line: Promise<T>): Promise<T> =>
    observe(where, 'open', line, () => 'taken');

  return {
    i2c(name) {
      const bus = buses.i2c(name);
      return {
        device: (address, place = name) =>
          tracedDevice(bus.device(address, place), `${hex(address)} on ${place}`),
        close: () => bus.close(),
      };
    },
    gpio: {
      line(name) {
        const line = buses.gpio.line(name);
        const where = `line ${name}`;
        return {
          input: async (options) => tracedInput(await taken(where, line.input(options)), where),
          output: async (options) => tracedOutput(await taken(where, line.output(options)), where),
        };
      },
      lines(names) {
        const lines = buses.gpio.lines(names);
        const where = `lines ${names.join(', ')}`;
        return {
          input: async (options) => tracedInputs(await taken(where, lines.input(options)), where),
        };
      },
      chips: () => buses.gpio.chips(),
    },
    files: {
      read: (path, place) => observe(path, '', buses.files.read(path, place), firstLine),
      list: (path) => observe(path, '', buses.files.list(path), (names) => names.join(' ')),
      realPath: (path) => observe(path, 'link', buses.files.realPath(path), (target) => target),
      space: (path) => observe(path, '', buses.files.space(path), (space) => JSON.stringify(space)),
    },
    close: () => buses.close(),
  };
}

function digit(level: boolean): string {
  return level ? '1' : '0';
}

function spaced(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function firstLine(text: string): string {
  const [line = '', ...more] = text.split('\n');
  return more.length === 0 ? line : `${line} (and ${more.length} more lines)`;
}
