import { BusError } from './bus-error.ts';
import type { I2cBus, I2cDevice } from './i2c-device.ts';

/** The path of an I2C bus: the bus of the machine and, behind a multiplexer, its address and channel. */
export interface I2cPath {
  readonly bus: string;
  readonly multiplexer?: { readonly address: number; readonly channel: number };
}

/** `i2c-1`, or `i2c-1/0x70/3` for channel 3 of a TCA9548A at 0x70. Undefined when it is neither. */
export function parseI2cPath(text: string): I2cPath | undefined {
  const [, bus, address, channel] = /^(i2c-\d{1,3})(?:\/(0x7[0-7])\/([0-7]))?$/.exec(text) ?? [];
  if (bus === undefined) return undefined;
  if (address === undefined) return { bus };
  return { bus, multiplexer: { address: Number(address), channel: Number(channel) } };
}

/** The channels of all multiplexers on one bus. */
export interface Multiplexing {
  /** The bus behind a channel; `name` is for errors. */
  channel(name: string, address: number, channel: number): I2cBus;
}

/**
 * TCA9548A, PCA9548A and alike on a bus: the control register (section "Control Register") has one bit a channel.
 * A transfer and the choice of its channel never have another channel's transfer in between, and at most one channel of one
 * multiplexer is open at a time, so chips with the same address may be behind several. The channel is selected before each
 * transfer, because a reset multiplexer has lost the selection.
 */
export function createMultiplexing(parent: I2cBus): Multiplexing {
  let last: Promise<unknown> = Promise.resolve();
  let open: number | undefined;

  const select = async (address: number, channel: number, name: string): Promise<void> => {
    if (open !== undefined && open !== address) {
      const other = parent.device(open);
      open = undefined;
      await other.transfer(Uint8Array.of(0), 0).catch((error: unknown) => {
        if (!(error instanceof BusError) || error.fault !== 'absent') throw error;
      });
    }
    open = address;
    try {
      await parent.device(address).transfer(Uint8Array.of(1 << channel), 0);
    } catch (cause) {
      if (!(cause instanceof BusError)) throw cause;
      throw new BusError(cause.fault, `multiplexer of ${name}: ${cause.message}`, { cause });
    }
  };

  return {
    channel: (name, address, channel) => ({
      device(chip): I2cDevice {
        const device = parent.device(chip, name);
        return {
          transfer(write, readLength) {
            const bytes = Uint8Array.from(write);
            const result = last.then(async () => {
              await select(address, channel, name);
              return device.transfer(bytes, readLength);
            });
            last = result.catch(() => undefined);
            return result;
          },
        };
      },
      close: async () => undefined,
    }),
  };
}
