import type { SensorHeading } from '../config/schema/sensors.ts';
import type { Quality, Unit, Value } from '../driver-kit/reading.ts';

/** A sensor at this moment, for status pages. Times are milliseconds since the Unix epoch. */
export interface SensorStatus extends SensorHeading {
  readonly name: string;
  readonly driver: string;
  /** Why the last try failed; absent while reads succeed. */
  readonly failure?: string;
  /** Tries in a row that failed. */
  readonly failures: number;
  /** Deadlines missed since the start because a read took too long. */
  readonly missed: number;
  readonly lastRead?: number;
  /** Only while its loop makes no progress, so that its values are old. */
  readonly stalled?: true;
  readonly channels: readonly {
    readonly topic: string;
    readonly unit: Unit;
    readonly seq: number;
    readonly value: Value;
    readonly quality: Quality;
    readonly reason?: string;
  }[];
}
