import { z } from 'zod';
import type { GpioLine, I2cDevice, KernelFiles } from './buses/bus.ts';
import type { Clock } from './clock.ts';
import type { Quality, Unit, Value } from './reading.ts';
import { duration } from './units.ts';

export type { Edge, GpioInput, GpioLine, I2cDevice, KernelFiles } from './buses/bus.ts';
export { duration, z };

/** What a driver is handed when it is opened, by the name of the bus that it declares. */
export interface Handles {
  i2c: I2cDevice;
  'gpio-input': GpioLine;
  files: KernelFiles;
  none: undefined;
}

/** One value that a sensor gives. An empty name means: the sensor has only this one, its topic is the sensor's own. */
export interface Channel {
  readonly name: string;
  readonly unit: Unit;
  /** What the datasheet allows; a value outside is published as `uncertain`. */
  readonly range?: readonly [low: number, high: number];
}

export interface Sample {
  readonly value: Value;
  /** `good` unless said otherwise; a sample with a value of null is `bad`. */
  readonly quality?: Quality;
  readonly reason?: string;
}

/** Samples by channel name. */
export type Samples = Readonly<Record<string, Sample>>;

/** A sensor that is open: rejects with a sentence that names what did not work. */
export interface Sensor {
  /** One sample of every channel. Aborted when the read is given up or the gateway stops. */
  read(signal: AbortSignal): Promise<Samples>;
  /** For sensors that speak up by themselves: yields as soon as something changes, besides the paced reads. */
  changes?(signal: AbortSignal): AsyncIterable<Samples>;
  close?(): Promise<void>;
}

export interface Tools {
  readonly clock: Clock;
  /** Waits for a conversion; ends early, with a rejection, when the read is given up. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The whole of what a driver file declares. Options are checked by `cellgate check`; no hardware is touched before `open`. */
export interface Driver<
  Bus extends keyof Handles = keyof Handles,
  Options extends z.ZodObject = z.ZodObject,
> {
  readonly name: string;
  readonly summary: string;
  /** An https address; only drivers of the gateway's own have none. */
  readonly datasheet?: string;
  readonly bus: Bus;
  /** I2C only: the addresses that the chip can have, the usual one first. */
  readonly addresses?: readonly number[];
  readonly options: Options;
  channels(options: z.output<Options>): readonly Channel[];
  /** Resolves when the sensor can be read; the signal is aborted when it takes too long or the gateway stops. */
  open(
    handle: Handles[Bus],
    options: z.output<Options>,
    tools: Tools,
    signal: AbortSignal,
  ): Promise<Sensor>;
}

/** The drivers that a config may name, by their names. */
export type Drivers = ReadonlyMap<string, Driver>;

/** Gives a driver file its types; adds nothing at run time. */
export function defineDriver<Bus extends keyof Handles, Options extends z.ZodObject>(
  driver: Driver<Bus, Options>,
): Driver<Bus, Options> {
  return driver;
}
