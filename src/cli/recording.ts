import type { Transfer } from '../buses/playback.ts';
import type { Samples } from '../driver-kit/driver.ts';

/** What `cellgate read --record` writes: a sensor's transfers on an I2C bus and what the driver made of them. */
export interface Recording {
  readonly driver: string;
  readonly address: number;
  /** As the driver is given them: durations in milliseconds. */
  readonly options: Readonly<Record<string, unknown>>;
  /** From opening the sensor to the end of one read. */
  readonly transfers: readonly Transfer[];
  readonly samples: Samples;
}
