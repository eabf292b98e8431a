import type { Samples, Sensor, Tools } from './sensor.ts';

/** A chip with input pins, ready to be read. */
export interface PinParts {
  /** Channel names, that of pin 0 first. */
  readonly names: readonly string[];
  /** The pins that are told, by number. */
  readonly pins: readonly number[];
  /** Whether a low pin is true. */
  readonly activeLow: boolean;
  /** The line on which the chip tells that a pin has changed, low until the pins are read; undefined for none. */
  readonly interrupt: string | undefined;
  readonly tools: Tools;
  /** The levels of all pins, pin 0 in bit 0. */
  levels(): Promise<number>;
}

/** The pins of an expander as a sensor with a channel each; with an interrupt, changes are told at once. */
export async function pinSensor(parts: PinParts): Promise<Sensor> {
  const { names, pins, activeLow, tools } = parts;
  const read = async (): Promise<Samples> => {
    const levels = await parts.levels();
    return Object.fromEntries(
      pins.map((pin) => [
        names[pin] ?? '',
        { value: ((levels >> pin) & 1) === (activeLow ? 0 : 1) },
      ]),
    );
  };
  if (parts.interrupt === undefined) return { read };
  const interrupt = await tools.line(parts.interrupt).input({ activeLow: true, bias: 'pull-up' });
  return {
    read,
    async *changes(signal) {
      for await (const edge of interrupt.edges(signal)) if (edge.rising) yield await read();
    },
    close: () => interrupt.close(),
  };
}
