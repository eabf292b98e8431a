import type { I2cDevice } from '../buses/i2c-device.ts';
import { uint16le } from './bytes.ts';
import { followEdges } from './edges.ts';
import type { Channel, Samples, Sensor, Tools } from './sensor.ts';

/** A chip with input pins, ready to be read. */
export interface PinParts {
  /** Channel names, that of pin 0 first. */
  readonly names: readonly string[];
  /** The pins that are published, by number. */
  readonly pins: readonly number[];
  /** Whether a low pin is true. */
  readonly activeLow: boolean;
  /** The GPIO line of the chip's interrupt, low from a change until the pins are read; undefined for none. */
  readonly interrupt: string | undefined;
  readonly tools: Tools;
  /** The levels of all pins, pin 0 in bit 0. */
  levels(): Promise<number>;
}

/** A chip that was reset sends no interrupts: it is checked this often, whatever `every` says. */
const CHECK_MS = 1000;

/**
 * The pins of an expander as a sensor with a channel for each. With an interrupt, a change is published immediately, and
 * each second it is checked that the chip still has its settings.
 */
export async function pinSensor(parts: PinParts): Promise<Sensor> {
  const { names, pins, activeLow, tools } = parts;
  const samplesOf = (levels: number): Samples =>
    Object.fromEntries(
      pins.map((pin) => [
        names[pin] ?? '',
        { value: ((levels >> pin) & 1) === (activeLow ? 0 : 1) },
      ]),
    );
  const read = async (): Promise<Samples> => samplesOf(await parts.levels());
  if (parts.interrupt === undefined) return { read };
  const interrupt = await tools.line(parts.interrupt).input({ activeLow: true, bias: 'pull-up' });
  return {
    read,
    async *changes(signal) {
      let isDue = false;
      let wake = (): void => undefined;
      const following = followEdges(interrupt, ({ rising }) => {
        isDue ||= rising;
        if (rising) wake();
      });
      const end = (): void => wake();
      signal.addEventListener('abort', end);
      try {
        let levels: number | undefined;
        while (!signal.aborted) {
          if (!isDue) {
            await new Promise<void>((resolve) => {
              const cancel = tools.clock.after(CHECK_MS, resolve);
              wake = () => {
                cancel();
                resolve();
              };
            });
          }
          if (signal.aborted) return;
          following.check();
          const before = levels;
          const wasDue = isDue;
          isDue = false;
          levels = await parts.levels();
          // The check also finds a change whose interrupt is lost.
          if (wasDue || (before !== undefined && before !== levels)) yield samplesOf(levels);
        }
      } finally {
        signal.removeEventListener('abort', end);
        await following.stop();
      }
    },
    close: () => interrupt.close(),
  };
}

/** A channel for each of the pins, in their order; `names` are those of all pins, that of pin 0 first. */
export function pinChannels(names: readonly string[], pins: readonly number[]): Channel[] {
  return [...new Set(pins)].map((pin) => ({ name: names[pin] ?? '', unit: '', kind: 'boolean' }));
}

/** The input pins of an expander with two ports of eight pins; a pair of registers has pin 0 in bit 0. */
export interface InputPins {
  /** The pair that begins at a register, as 16 bits. */
  read(register: number): Promise<number>;
  /** Sets the bits of the input pins in a pair of registers, or clears them; those of other pins stay as they are. */
  set(register: number, on: boolean): Promise<void>;
}

/** These pins of a chip whose registers come in pairs, that of port 0 first. */
export function inputPins(chip: I2cDevice, pins: readonly number[]): InputPins {
  const mask = pins.reduce((bits, pin) => bits | (1 << pin), 0);
  const read = async (register: number): Promise<number> =>
    uint16le(await chip.transfer(Uint8Array.of(register), 2));
  return {
    read,
    async set(register, on) {
      const before = await read(register);
      const after = on ? before | mask : before & ~mask;
      await chip.transfer(Uint8Array.of(register, after & 0xff, after >> 8), 0);
    },
  };
}

/** A chip whose pins can be driven; levels are those of the pins themselves. Transfers of one chip never overlap. */
export interface OutputChip {
  /** Makes the pin an output of this level, even if it is an output already. */
  drive(pin: number, level: boolean): Promise<void>;
  /** The pin's level; rejects when the chip was reset and the pin is no longer driven. */
  read(pin: number): Promise<boolean>;
}

/** Addresses of a chip's registers, those of port 0; port 1 has the next ones. */
export interface PinRegisters {
  /** The level of an output. */
  readonly output: number;
  /** 1 for an input. */
  readonly direction: number;
  /** 1 for a level that is read inverted. */
  readonly polarity: number;
  /** The level of the pin. */
  readonly level: number;
}

/** The outputs of an expander with two ports of eight pins. The level is set before the direction, so that the pin never has the wrong level. */
export function registerPins(chip: I2cDevice, registers: PinRegisters): OutputChip {
  const read = async (register: number, pin: number): Promise<number> => {
    const [byte = 0] = await chip.transfer(Uint8Array.of(register + (pin >> 3)), 1);
    return byte;
  };
  const set = async (register: number, pin: number, on: boolean): Promise<void> => {
    const before = await read(register, pin);
    const bit = 1 << (pin & 7);
    const after = on ? before | bit : before & ~bit;
    if (after !== before) await chip.transfer(Uint8Array.of(register + (pin >> 3), after), 0);
  };
  const isSet = async (register: number, pin: number): Promise<boolean> =>
    ((await read(register, pin)) & (1 << (pin & 7))) !== 0;
  return {
    async drive(pin, level) {
      await set(registers.output, pin, level);
      await set(registers.polarity, pin, false);
      await set(registers.direction, pin, false);
    },
    async read(pin) {
      if (await isSet(registers.direction, pin))
        throw new Error('the chip was reset: its pin is no longer driven');
      return isSet(registers.level, pin);
    },
  };
}
