import type { KeyedMutex } from '../base/mutex.ts';
import { BusError } from '../buses/bus-error.ts';
import type { Buses } from '../buses/buses.ts';
import type { GpioOutput, GpioOutputOptions } from '../buses/gpio-line.ts';
import { chipPlace } from '../buses/i2c-device.ts';
import type { PinSpec } from '../config/schema/pins.ts';
import type { Drivers, OutputChip } from '../driver-kit/driver.ts';

export interface PinsParts {
  readonly drivers: Drivers;
  readonly buses: Buses;
  readonly mutexOf: KeyedMutex;
}

/** Pins of chips on I2C, as outputs like lines. */
export interface Pins {
  /** Opens the pin and sets its initial level. Rejects with a sentence. */
  open(spec: PinSpec, options: GpioOutputOptions): Promise<GpioOutput>;
}

/** Pins that are not open; hardware is not accessed. */
export function createPins({ drivers, buses, mutexOf }: PinsParts): Pins {
  const chips = new Map<string, OutputChip>();

  const chipOf = async ({ driver, bus, address }: PinSpec): Promise<OutputChip> => {
    const place = chipPlace(bus, address);
    const known = chips.get(place);
    if (known) return known;
    const outputs = drivers.get(driver)?.outputs;
    if (!outputs) throw new BusError('missing', `the ${driver} at ${place} has no outputs`);
    const chip = await outputs.open(buses.i2c(bus).device(address));
    chips.set(place, chip);
    return chip;
  };

  return {
    async open(spec, { activeLow = false, initial }) {
      const place = chipPlace(spec.bus, spec.address);
      const inOrder = mutexOf(place);
      const { pin } = spec;
      /** A chip that fails is opened again at the next access. */
      const use = <T>(operation: (chip: OutputChip) => Promise<T>): Promise<T> =>
        inOrder(async () => {
          try {
            return await operation(await chipOf(spec));
          } catch (error) {
            chips.delete(place);
            throw error;
          }
        });
      const write = (value: boolean): Promise<void> =>
        use((chip) => chip.drive(pin, value !== activeLow));
      await write(initial);
      return {
        write,
        read: () => use(async (chip) => (await chip.read(pin)) !== activeLow),
        // The pin keeps its level.
        close: async () => undefined,
      };
    },
  };
}
