import type { Logger } from 'pino';
import type { Buses } from '../buses/bus.ts';
import type { Clock } from '../clock.ts';
import type { SensorConfig } from '../config/sensors.ts';
import type { Drivers } from '../driver.ts';
import type { Service } from '../lifecycle.ts';
import { sharedPlace } from './handle.ts';
import { createSampler, type Sampler, type SensorStatus } from './sampler.ts';
import { atOnce, createTurn, type Turn } from './turn.ts';

export interface SensingParts {
  readonly cell: string;
  /** Which start of the gateway this is. */
  readonly boot: number;
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
}

/** All sensors. `start` never fails because of hardware: what is missing is tried again for ever and reported. */
export interface Sensing extends Service {
  status(): SensorStatus[];
  /** The sensors whose loop stands still, for the watchdog. Hardware that does not answer is not among them. */
  stalled(): string[];
}

/** No gateway ran before this; a clock that shows less was never set. */
const BEFORE_ALL_MS = Date.UTC(2024, 0, 1);

/** Sensing that has not been started. Throws when a sensor names an unknown driver or its topic or filters make no sense. */
export function createSensing(parts: SensingParts): Sensing {
  const { clock, drivers, random = Math.random } = parts;
  const clockIsSet = parts.clockIsSet ?? (() => clock.wall() >= BEFORE_ALL_MS);
  const turns = new Map<string, Turn>();
  const turnAt = (place: string | undefined): Turn => {
    if (place === undefined) return atOnce;
    const turn = turns.get(place) ?? createTurn();
    turns.set(place, turn);
    return turn;
  };
  const samplers: readonly Sampler[] = parts.sensors.map((config) => {
    const driver = drivers.get(config.driver);
    if (driver === undefined) {
      throw new Error(`sensor ${config.name}: there is no driver "${config.driver}"`);
    }
    const turn = turnAt(sharedPlace(config, driver));
    return createSampler(config, { ...parts, driver, turn, clockIsSet, random });
  });
  return {
    name: 'sensing',
    async start() {
      for (const sampler of samplers) sampler.start();
    },
    async stop() {
      await Promise.all(samplers.map((sampler) => sampler.stop()));
    },
    trouble() {
      const troubles = samplers
        .map((sampler) => sampler.trouble())
        .filter((one) => one !== undefined);
      if (troubles.length < 2) return troubles[0];
      return `${troubles.length} of ${samplers.length} sensors: ${troubles.join('; ')}`;
    },
    status: () => samplers.map((sampler) => sampler.status()),
    stalled: () => samplers.filter((sampler) => sampler.stalled()).map(({ name }) => name),
  };
}
