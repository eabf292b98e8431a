import type { Clock } from '../base/clock.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { GpioLine } from '../buses/gpio-line.ts';
import type { Quality, Unit, Value } from './reading.ts';

/** One value of a sensor. An empty name means that it is the only one, under the sensor's own topic. */
export interface Channel {
  readonly name: string;
  readonly unit: Unit;
  /** What its values are; a channel with a unit or a range has numbers. `check` refuses filters that do not fit. */
  readonly kind?: 'number' | 'boolean' | 'text';
  /** Whether it counts, so that `set` of the sensor can correct it. */
  readonly settable?: boolean;
  /** The range of the datasheet; a value outside is published as `uncertain`. */
  readonly range?: readonly [low: number, high: number];
}

export interface Sample {
  readonly value: Value;
  /** `good` by default; a sample with a value of null is `bad`. */
  readonly quality?: Quality;
  readonly reason?: string;
}

/** Samples by channel name. */
export type Samples = Readonly<Record<string, Sample>>;

/** An open sensor; it rejects with a sentence that names the fault. */
export interface Sensor {
  /** What its reads share with those of other sensors, such as a 1-Wire bus: one reads at a time. Waiting is not part of a read's time. */
  readonly shared?: string;
  /** One sample of every channel. The signal is aborted when the read takes too long or the gateway stops. */
  read(signal: AbortSignal): Promise<Samples>;
  /** For sensors that report changes by themselves: yields each change immediately, in addition to the regular reads. */
  changes?(signal: AbortSignal): AsyncIterable<Samples>;
  /** Gives a settable channel another value. Throws with a sentence if it can not have this value. */
  set?(channel: string, value: number): void;
  close?(): Promise<void>;
}

export interface Tools {
  readonly clock: Clock;
  /** Waits for a conversion; rejects early if the read is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** State of this sensor that survives a restart. */
  readonly state: KeyValueStore;
  /** Writes a sentence about this sensor to the log; the same one again is left out. */
  report(sentence: string): void;
  /** One more GPIO line, such as a chip's interrupt; an option named `interrupt` has its name. */
  line(name: string): GpioLine;
}
