import type { Transfer } from '../buses/playback.ts';
import type { Samples } from '../driver-kit/driver.ts';

/** The file of `cellgate read --record`: a sensor's transfers on an I2C bus and the resulting sample. */
export interface Recording {
  readonly driver: string;
  readonly address: number;
  /** The driver's options: durations in milliseconds. */
  readonly options: Readonly<Record<string, unknown>>;
  /** From opening the sensor to the end of one read. */
  readonly transfers: readonly Transfer[];
  readonly samples: Samples;
}
