import type { Buses, GpioBus, I2cDevice, KernelFiles } from '../../src/buses/bus.ts';
import { BusError, hex } from '../../src/buses/bus.ts';
import { playbackFiles } from '../../src/buses/playback.ts';

export interface FakeParts {
  /** Chips by bus and address, e.g. `i2c-1 0x48`; others do not answer. */
  readonly chips?: ReadonlyMap<string, I2cDevice>;
  readonly gpio?: GpioBus;
  readonly files?: KernelFiles;
}

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
      line: (name) => ({
        input: async () => {
          throw new BusError('missing', `line ${name}: this machine offers no GPIO`);
        },
      }),
      chips: async () => [],
    },
    files: files ?? playbackFiles(new Map()),
    close: async () => undefined,
  };
}
