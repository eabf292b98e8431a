import type { Alarms, NamedAlarmStatus } from '../alarms/alarms.ts';
import type { Faults } from '../base/faults.ts';
import type { Broker } from '../broker/broker.ts';
import type { ShareStatus } from '../broker/stats/share-status.ts';
import type { BrokerCounts, SessionStatus } from '../broker/stats/status.ts';
import type { OutputStatus } from '../outputs/output.ts';
import type { Outputs } from '../outputs/outputs.ts';
import type { SensorStatus } from '../sensors/sensor-status.ts';
import type { Sensors } from '../sensors/sensors.ts';
import type { Simulation, SimulationStatus } from '../simulation/simulation.ts';
import type { Store } from '../store/store.ts';
import type { StoreStatus } from '../store/store-status.ts';
import type { Uplink, UplinkStatus } from '../uplink/uplink.ts';
import type { Progress } from './progress.ts';

export interface HealthParts {
  readonly cell: string;
  readonly version: string;
  readonly store: Store;
  readonly broker: Broker;
  readonly sensors: Sensors;
  readonly outputs: Outputs;
  readonly alarms: Pick<Alarms, 'list'>;
  readonly simulation?: Pick<Simulation, 'status'> | undefined;
  readonly faults: Pick<Faults, 'counts'>;
  /** Those of the config in force. */
  uplinks(): readonly Uplink[];
  readonly progress: Progress;
  /** All that may have a trouble. */
  readonly services: { troubles(order: readonly string[]): readonly string[] };
}

/** The state of the running gateway, as `status --json` prints it. */
export interface GatewayStatus {
  readonly cell: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** What the models of the hardware do; absent where it is real. */
  readonly simulated?: SimulationStatus;
  readonly sessions: BrokerCounts;
  readonly clients: readonly SessionStatus[];
  readonly shares: readonly ShareStatus[];
  readonly sensors: readonly SensorStatus[];
  readonly outputs: readonly OutputStatus[];
  /** Those of all sensors, also the normal ones. */
  readonly alarms: readonly NamedAlarmStatus[];
  readonly uplinks: readonly UplinkStatus[];
  readonly store: StoreStatus;
  /** Faults of the gateway with single messages since the start, by what was done with them. */
  readonly faults: Faults['counts'];
  /** One sentence each. */
  readonly troubles: readonly string[];
}

/** The services in the order of their troubles: first those that concern the most users. */
const TROUBLE_ORDER = [
  'simulation',
  'store',
  'faults',
  'broker',
  'access',
  'http',
  'outputs',
  'power',
  'sensing',
  'uplinks',
  'clock',
];

/** The state of all parts of the gateway; to be asked once they have started. */
export class Health {
  readonly #parts: HealthParts;
  /** On the clock of the store. */
  #began: number | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** When the gateway started, in milliseconds since the epoch; the clock may have been set since then. */
  get started(): number {
    const { storedClock } = this.#parts.store;
    this.#began ??= storedClock.now();
    return storedClock.wallAt(this.#began);
  }

  /** One sentence each; the listeners and the page may share a certificate and its trouble. */
  get troubles(): readonly string[] {
    const { progress, services } = this.#parts;
    const stuck = progress.stuck();
    const troubles = services.troubles(TROUBLE_ORDER);
    return [...new Set([...(stuck === undefined ? [] : [stuck]), ...troubles])];
  }

  async status(): Promise<GatewayStatus> {
    const { cell, version, store, broker, sensors, outputs, uplinks } = this.#parts;
    const { alarms, faults, simulation } = this.#parts;
    return {
      cell,
      version,
      started: this.started,
      ...(simulation ? { simulated: simulation.status() } : {}),
      sessions: broker.counts,
      clients: broker.sessions,
      shares: broker.shares,
      sensors: sensors.status(),
      outputs: outputs.status(),
      alarms: alarms.list(),
      uplinks: uplinks().map(({ status }) => status),
      store: await store.status(),
      faults: faults.counts,
      troubles: this.troubles,
    };
  }
}
