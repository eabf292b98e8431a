import type { SensorConfig } from '../config/schema/sensors.ts';
import type { SensorStatus } from '../sensors/sensor-status.ts';

/** The topics of the sensors that are configured with the history of a day. */
export class RecordedTopics {
  readonly #status: () => readonly SensorStatus[];
  #names: ReadonlySet<string>;

  /** `status` returns the sensors of the current config, with their topics. */
  constructor(sensors: readonly SensorConfig[], status: () => readonly SensorStatus[]) {
    this.#status = status;
    this.#names = recorded(sensors);
  }

  applyConfig(sensors: readonly SensorConfig[]): void {
    this.#names = recorded(sensors);
  }

  *[Symbol.iterator](): Iterator<string> {
    if (this.#names.size === 0) return;
    for (const { name, channels } of this.#status()) {
      if (this.#names.has(name)) yield* channels.map(({ topic }) => topic);
    }
  }
}

function recorded(sensors: readonly SensorConfig[]): ReadonlySet<string> {
  return new Set(sensors.filter(({ history }) => history === 'day').map(({ name }) => name));
}
