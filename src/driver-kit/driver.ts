import { z } from 'zod';
import type { GpioLine, GpioLines } from '../buses/gpio-line.ts';
import type { I2cDevice } from '../buses/i2c-device.ts';
import type { KernelFiles } from '../buses/kernel-files.ts';
import type { OutputChip } from './pins.ts';
import type { Channel, Sensor, Tools } from './sensor.ts';
import { duration } from './units.ts';

// A driver may import only the exports of this file; a driver file outside the installation receives the same.
export type { KeyValueStore } from '../base/state.ts';
export type {
  Edge,
  GpioInput,
  GpioInputs,
  GpioLine,
  GpioLines,
  LineEdge,
} from '../buses/gpio-line.ts';
export type { I2cDevice } from '../buses/i2c-device.ts';
export type { KernelFiles } from '../buses/kernel-files.ts';
export {
  fromCurrentLoop,
  ntcToCelsius,
  platinumToCelsius,
  steinhartHartToCelsius,
  tableToCelsius,
  toResistance,
} from './analogue.ts';
export { crc8, signed, uint16, uint16le } from './bytes.ts';
export {
  acceptOption,
  checkId,
  checkSettings,
  deadLine,
  qualifyPowerOn,
  SettingsLostError,
} from './chip-state.ts';
export { followEdges } from './edges.ts';
export {
  type DeviceClass,
  deviceName,
  deviceOptions,
  findDevice,
  keepDevice,
  kernelNumber,
} from './kernel-device.ts';
export { inputPins, type OutputChip, pinChannels, pinSensor, registerPins } from './pins.ts';
export { powerSamples } from './power.ts';
export { openSht, SHT_CHANNELS, sensirionWords } from './sensirion.ts';
export type { Channel, Sample, Samples, Sensor, Tools } from './sensor.ts';
export { signalProblems, signalSample, signalShape, signalUnit } from './signal.ts';
export {
  type Acceleration,
  readVibration,
  toVibration,
  VIBRATION_CHANNELS,
  vibrationMs,
} from './vibration.ts';
export { duration, z };

/** The handle that `open` receives, by the bus that the driver declares. */
export interface Handles {
  i2c: I2cDevice;
  'gpio-input': GpioLine;
  'gpio-inputs': GpioLines;
  files: KernelFiles;
  none: undefined;
}

/** The declaration of a driver. `cellgate check` checks the options; no hardware is accessed before `open`. */
export interface Driver<
  Bus extends keyof Handles = keyof Handles,
  Options extends z.ZodObject = z.ZodObject,
> {
  readonly name: string;
  readonly summary: string;
  /** An https address; drivers without a chip have none. */
  readonly datasheet?: string;
  readonly bus: Bus;
  /** I2C only: the addresses that the chip can have, the usual one first. */
  readonly addresses?: readonly number[];
  /** `gpio-inputs` only: the role of each line, e.g. `phase A`. */
  readonly lines?: readonly string[];
  /** I2C only: pins that `outputs` may drive, numbered from 0. Other pins stay as they are. */
  readonly outputs?: {
    readonly pins: number;
    /** Whether the chip does not report which pins are driven; then no sensor may read it. */
    readonly alone?: boolean;
    open(chip: I2cDevice): Promise<OutputChip>;
  };
  /** For its page in docs/drivers: what else a user must know, a sentence each. */
  readonly notes?: readonly string[];
  readonly options: Options;
  /**
   * Milliseconds that a read takes at the longest, apart from its transfers: conversions that it waits for. Default: 0.
   * `cellgate check` compares it with `every` and `timeout`.
   */
  readMs?(options: z.output<Options>): number;
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

/** For the types of a driver file; does nothing at run time. */
export function defineDriver<Bus extends keyof Handles, Options extends z.ZodObject>(
  driver: Driver<Bus, Options>,
): Driver<Bus, Options> {
  return driver;
}
