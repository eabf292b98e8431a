import type { Clock } from '../base/clock.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { GpioLine } from '../buses/gpio-line.ts';
import type { Quality, Unit, Value } from './reading.ts';

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
  /** What this sensor remembers over restarts. */
  readonly state: KeyValueStore;
  /** One more line of the machine, such as a chip's interrupt; an option named `interrupt` says which. */
  line(name: string): GpioLine;
}
