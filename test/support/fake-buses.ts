import { BusError } from '../../src/buses/bus-error.ts';
import type { Buses } from '../../src/buses/buses.ts';
import type { GpioBus } from '../../src/buses/gpio-line.ts';
import { hex, type I2cDevice } from '../../src/buses/i2c-device.ts';
import type { KernelFiles } from '../../src/buses/kernel-files.ts';
import { playbackFiles } from '../../src/buses/playback.ts';

export interface FakeParts {
  /** Chips by bus and address, e.g. `i2c-1 0x48`; others do not answer. */
  readonly chips?: ReadonlyMap<string, I2cDevice>;
  readonly gpio?: GpioBus;
  readonly files?: KernelFiles;
}

const noGpio = (name: string) => async (): Promise<never> => {
  throw new BusError('missing', `line ${name}: this machine offers no GPIO`);
};

/** Buses with only these parts on them. */
export function fakeBuses({ chips = new Map(), gpio, files }: FakeParts = {}): Buses {
  const absent = (where: string): I2cDevice => ({
    transfer: async () => {
      throw new BusError('absent', `no answer from ${where}`);
    },
  });
  return {
    i2c: (bus) => ({
      device(address) {
        return chips.get(`${bus} ${hex(address)}`) ?? absent(`${hex(address)} on ${bus}`);
      },
      close: async () => undefined,
    }),
    gpio: gpio ?? {
      line: (name) => ({ input: noGpio(name), output: noGpio(name) }),
      lines: (names) => ({ input: noGpio(names.join(', ')) }),
      chips: async () => [],
    },
    files: files ?? playbackFiles(new Map()),
    close: async () => undefined,
  };
}
