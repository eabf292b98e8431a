import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { createKeyedMutex, type KeyedMutex, noLock } from '../base/mutex.ts';
import { Sequence } from '../base/sequence.ts';
import { createMemoryState, type StateStore } from '../base/state.ts';
import type { Buses } from '../buses/bus.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import type { Driver, Drivers } from '../driver-kit/driver.ts';
import { sharedPlace } from './bus-handle.ts';
import { createSampler, type Sampler, type SensorStatus } from './sampler.ts';

export interface SensorsParts {
  readonly cell: string;
  /** Which start of the gateway this is; known from `start` on. */
  boot(): number;
  readonly sensors: readonly SensorConfig[];
  readonly drivers: Drivers;
  readonly buses: Buses;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gets every reading that the filters let pass. */
  publish(topic: string, payload: Uint8Array): void;
  /** Whether the wall clock can be believed; readings are `uncertain` until then. */
  clockIsSet?(): boolean;
  /** From 0 to 1, for the back-off. */
  random?(): number;
  /** By chip, shared with whoever else talks to one. */
  readonly turns?: KeyedMutex;
  /** What drivers and filters keep over restarts, there from `start` on; without it they forget. */
  readonly state?: StateStore;
}

/** All sensors. `start` never fails because of hardware: what is missing is tried again for ever and reported. */
export interface Sensors extends Service {
  /**
   * Brings the sensors to another config; those that are the same in it go on undisturbed. What a sensor that is no
   * longer there has published is no longer retained. Throws before anything has changed when the config makes no sense.
   */
  applyConfig(sensors: readonly SensorConfig[], drivers: Drivers): Promise<void>;
  status(): SensorStatus[];
  /** The sensors whose loop stands still, for the watchdog. Hardware that does not answer is not among them. */
  stalled(): string[];
}

interface Placed {
  readonly config: SensorConfig;
  readonly driver: Driver;
  readonly sampler: Sampler;
}

const NOTHING = new Uint8Array();
/** No sensor has this name. */
const TOPICS = '$topics';

/** Sensors that have not been started. Throws when one names an unknown driver; `start` rejects when its topic or filters make no sense. */
export function createSensors(parts: SensorsParts): Sensors {
  const { clockIsSet = () => true, random = Math.random, state = createMemoryState() } = parts;
  const sequence = new Sequence();
  const turns = parts.turns ?? createKeyedMutex();
  const create = (config: SensorConfig, drivers: Drivers): Placed => {
    const driver = driverOf(config, drivers);
    const place = sharedPlace(config, driver);
    const turn = place === undefined ? noLock : turns(place);
    const boot = parts.boot();
    const own = { ...parts, boot, driver, turn, clockIsSet, random, state, sequence };
    return { config, driver, sampler: createSampler(config, own) };
  };
  for (const config of parts.sensors) driverOf(config, parts.drivers);
  let placed: readonly Placed[] = [];

  /** Takes back what sensors have published that are no longer there, also before the last restart. */
  const forgetOthers = (): void => {
    const published = state.of(TOPICS);
    const topics = placed.flatMap(({ sampler }) => sampler.topics);
    const before = published.get('all');
    if (Array.isArray(before)) {
      for (const topic of before as string[]) {
        if (!topics.includes(topic)) parts.publish(topic, NOTHING);
      }
    }
    published.set('all', topics);
  };

  return {
    name: 'sensing',
    async start() {
      placed = parts.sensors.map((config) => create(config, parts.drivers));
      forgetOthers();
      for (const { sampler } of placed) sampler.start();
    },
    async stop() {
      await Promise.all(placed.map(({ sampler }) => sampler.stop()));
    },
    async applyConfig(sensors, drivers) {
      const before = placed;
      placed = sensors.map((config) => {
        const same = before.find((one) => isDeepStrictEqual(one.config, config));
        const goesOn = same !== undefined && same.driver === drivers.get(config.driver);
        return goesOn ? same : create(config, drivers);
      });
      const [now, then] = [new Set(placed), new Set(before)];
      // What goes gives its lines and addresses back before what comes takes them.
      await Promise.all(before.filter((one) => !now.has(one)).map(({ sampler }) => sampler.stop()));
      forgetOthers();
      for (const one of placed) if (!then.has(one)) one.sampler.start();
    },
    trouble() {
      const troubles = placed
        .map(({ sampler }) => sampler.trouble())
        .filter((one) => one !== undefined);
      if (troubles.length < 2) return troubles[0];
      return `${troubles.length} of ${placed.length} sensors: ${troubles.join('; ')}`;
    },
    status: () => placed.map(({ sampler }) => sampler.status()),
    stalled: () =>
      placed.filter(({ sampler }) => sampler.stalled()).map(({ sampler }) => sampler.name),
  };
}

function driverOf({ name, driver }: SensorConfig, drivers: Drivers): Driver {
  const found = drivers.get(driver);
  if (found === undefined) throw new Error(`sensor ${name}: there is no driver "${driver}"`);
  return found;
}
