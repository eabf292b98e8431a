import type { Clock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import type { StateStore } from '../base/state.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import type { Sensors } from '../sensors/sensors.ts';
import type { UplinkStatus } from '../uplink/uplink.ts';
import { DayHistory } from './day-history.ts';
import { chartedValues, createHourHistory, type Series } from './hour-history.ts';
import { RecordedTopics } from './recorded-topics.ts';

export interface HistoryParts {
  readonly config: readonly SensorConfig[];
  readonly sensors: Pick<Sensors, 'status'>;
  /** The uplinks of the current config. */
  uplinks(): readonly { readonly status: UplinkStatus }[];
  /** The state that is kept over restarts; available from `start` on. */
  readonly state: StateStore;
  readonly clock: Pick<Clock, 'monotonic' | 'wall'>;
  readonly faults: Faults;
  /** Counts evenly until the clock is set. */
  readonly wallClock: { now(): number; isSet(): boolean };
}

/** No sensor has this name. */
const DAY_OWNER = '$day';

/** The recorded values of the page's charts: an hour of every topic, a day of the sensors that are configured for it. */
export class History implements Service {
  readonly name = 'history';
  readonly #hour;
  readonly #day;
  readonly #recorded;

  constructor(parts: HistoryParts) {
    const { config, sensors, uplinks, clock, wallClock, faults } = parts;
    const { monotonic, wall } = clock;
    const values = () => chartedValues(sensors.status(), uplinks());
    const recorded = new RecordedTopics(config, () => sensors.status());
    const state = () => parts.state.of(DAY_OWNER);
    const hour = createHourHistory({ monotonic, wall, values, faults });
    const { now, isSet } = wallClock;
    const topics = () => recorded;
    this.#recorded = recorded;
    this.#hour = hour;
    this.#day = new DayHistory({
      history: hour,
      topics,
      state,
      monotonic,
      wall: now,
      isSet,
      faults,
    });
  }

  async start(): Promise<void> {
    await this.#hour.start();
    await this.#day.start();
  }

  async stop(): Promise<void> {
    await this.#day.stop();
    await this.#hour.stop();
  }

  /** Undefined for a topic without an hour. */
  hour(topic: string): Series | undefined {
    return this.#hour.of(topic);
  }

  /** Undefined for a topic whose day is not kept. */
  day(topic: string): Series | undefined {
    return this.#day.of(topic);
  }

  async applyConfig(sensors: readonly SensorConfig[]): Promise<void> {
    this.#recorded.applyConfig(sensors);
  }
}
