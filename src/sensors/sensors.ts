import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { createKeyedMutex, type KeyedMutex, noLock } from '../base/mutex.ts';
import { Sequence } from '../base/sequence.ts';
import { createMemoryState, type StateStore } from '../base/state.ts';
import type { TroubleLog } from '../base/trouble-log.ts';
import type { Buses } from '../buses/buses.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import type { Driver, Drivers } from '../driver-kit/driver.ts';
import { type OpenInstead, sharedPlace } from './bus-handle.ts';
import type { ReadingForm } from './channel-publisher.ts';
import { createSampler, type Sampler, type SensorsObserver } from './sampler.ts';
import type { SensorStatus } from './sensor-status.ts';
import type { SetCommand } from './set-command.ts';
import type { SetTopics } from './settable-values.ts';

export interface SensorsParts extends SetTopics {
  readonly cell: string;
  /** The number of this start of the gateway; known from `start` on. */
  boot(): number;
  readonly sensors: readonly SensorConfig[];
  readonly drivers: Drivers;
  readonly buses: Buses;
  readonly clock: Clock;
  readonly log: Logger;
  /** Logs the failures of many sensors together; without it each is logged at once. */
  readonly troubleLog?: TroubleLog | undefined;
  /** Gets every reading that the filters let pass, and how it is written; without `form` to delete a retained value. */
  publish(topic: string, payload: Uint8Array, form?: ReadingForm): void;
  /** Whether the wall clock is set; readings are `uncertain` until then. */
  clockIsSet?(): boolean;
  /** From 0 to 1, for the back-off. */
  random?(): number;
  /** Gets the samples behind the filters, also those that are not published. */
  readonly observe?: SensorsObserver;
  /** A mutex for each chip, shared with the outputs. */
  readonly mutexes?: KeyedMutex;
  /** State of drivers and filters that survives a restart, available from `start` on; without it, nothing survives. */
  readonly state?: StateStore;
  /** Opens the sensors in place of their hardware. */
  readonly openInstead?: OpenInstead | undefined;
}

/** All sensors. `start` never fails because of hardware: missing hardware is reported and tried again until it answers. */
export interface Sensors extends Service {
  /**
   * Applies another config; unchanged sensors continue. If the config is invalid, throws before anything has changed.
   */
  applyConfig(sensors: readonly SensorConfig[], drivers: Drivers): Promise<void>;
  /** The config stays: the retained values of sensors that are not in it are deleted. */
  configApplied(): void;
  /** Sets a channel that counts, named SENSOR or SENSOR/CHANNEL; returns why that is not possible. */
  set(name: string, command: SetCommand): string | undefined;
  status(): SensorStatus[];
  /** The sensors whose loop makes no progress, for the watchdog. Hardware that does not answer does not count. */
  stalled(): string[];
}

interface ActiveSensor {
  readonly config: SensorConfig;
  readonly driver: Driver;
  readonly sampler: Sampler;
}

/** Deletes a retained value [MQTT-3.3.1-10]. */
const EMPTY = new Uint8Array();
/** No sensor has this name. */
const TOPICS = '$topics';

/** Sensors that have not been started. Throws when one names an unknown driver; `start` rejects if its topic or filters are invalid. */
export function createSensors(parts: SensorsParts): Sensors {
  const { clockIsSet = () => true, random = Math.random, state = createMemoryState() } = parts;
  const sequence = new Sequence();
  const mutexes = parts.mutexes ?? createKeyedMutex();
  const create = (config: SensorConfig, drivers: Drivers): ActiveSensor => {
    const driver = driverOf(config, drivers);
    const place = sharedPlace(config, driver);
    const mutex = place === undefined ? noLock : mutexes(place);
    const own = { ...parts, driver, mutex, mutexes, clockIsSet, random, state, sequence };
    return { config, driver, sampler: createSampler(config, own) };
  };
  for (const config of parts.sensors) driverOf(config, parts.drivers);
  let active: readonly ActiveSensor[] = [];

  /** Deletes the retained values of sensors that are not in the config, also of those from before the last restart. */
  const deleteOthers = (): void => {
    const published = state.of(TOPICS);
    const topics = active.flatMap(({ sampler }) => sampler.topics);
    const isPublished = new Set(topics);
    const before = published.get('all');
    if (Array.isArray(before)) {
      for (const topic of before as string[]) {
        if (!isPublished.has(topic)) parts.publish(topic, EMPTY);
      }
    }
    published.set('all', topics);
  };

  return {
    name: 'sensing',
    async start() {
      active = parts.sensors.map((config) => create(config, parts.drivers));
      deleteOthers();
      for (const { sampler } of active) sampler.start();
    },
    async stop() {
      await Promise.all(active.map(({ sampler }) => sampler.stop()));
    },
    async applyConfig(sensors, drivers) {
      const before = active;
      const former = new Map(before.map((one) => [one.config.name, one]));
      active = sensors.map((config) => {
        const same = former.get(config.name);
        const isKept =
          same !== undefined &&
          same.driver === drivers.get(config.driver) &&
          isDeepStrictEqual(same.config, config);
        return isKept ? same : create(config, drivers);
      });
      const [now, then] = [new Set(active), new Set(before)];
      // Lines and addresses are released before other sensors use them.
      await Promise.all(before.filter((one) => !now.has(one)).map(({ sampler }) => sampler.stop()));
      for (const one of active) if (!then.has(one)) one.sampler.start();
    },
    configApplied: deleteOthers,
    failures: () => active.flatMap(({ sampler }) => sampler.failure() ?? []),
    set(name, command) {
      for (const { config, sampler } of active) {
        if (name === config.name) return sampler.set('', command);
        const channel = name.slice(config.name.length + 1);
        const topic = `${parts.cell}/${name}`;
        if (name.startsWith(`${config.name}/`) && sampler.topics.includes(topic)) {
          return sampler.set(channel, command);
        }
      }
      return `there is no output and no value "${name}"`;
    },
    status: () => active.map(({ sampler }) => sampler.status()),
    stalled: () =>
      active.filter(({ sampler }) => sampler.stalled()).map(({ sampler }) => sampler.name),
  };
}

function driverOf({ name, driver }: SensorConfig, drivers: Drivers): Driver {
  const found = drivers.get(driver);
  if (found === undefined) throw new Error(`sensor ${name}: there is no driver "${driver}"`);
  return found;
}
