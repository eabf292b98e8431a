import type { Alarms } from '../alarms/alarms.ts';
import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Broker } from '../broker/broker.ts';
import type { Outputs } from '../outputs/outputs.ts';
import type { Sensors } from '../sensors/sensors.ts';
import type { Store } from '../store/store.ts';
import type { Uplink } from '../uplink/uplink.ts';
import type { Health } from './health.ts';

export interface HealthTopicsParts {
  readonly cell: string;
  readonly version: string;
  readonly health: Health;
  readonly faults: Pick<Faults, 'caught'>;
  readonly store: Pick<Store, 'status'>;
  readonly broker: Pick<Broker, 'publishLocal' | 'sessions' | 'shares' | 'drops'>;
  readonly sensors: Pick<Sensors, 'status'>;
  readonly outputs: Pick<Outputs, 'status'>;
  readonly alarms: Pick<Alarms, 'list'>;
  readonly simulation?: unknown;
  /** Those of the config in force. */
  uplinks(): readonly Pick<Uplink, 'name' | 'status'>[];
}

/** The interval for troubles, and how many times longer the interval is for topics that mostly have counters. */
const EVERY_MS = 1000;
const COUNTS_EVERY = 10;

/** Publishes the state of the gateway as JSON under `$SYS/cellgate/`, each topic when it has changed. */
export class HealthTopics implements Service {
  readonly name = 'health';
  readonly #parts: HealthTopicsParts;
  /** The payload of each topic, by its name below `$SYS/cellgate/`. */
  readonly #published = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;
  /** The quality of each channel when it was last checked. */
  #qualities = '';

  constructor(parts: HealthTopicsParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.#publishAll();
    this.#timer = setInterval(() => {
      this.#publishAll().catch((error: unknown) => {
        this.#parts.faults.caught('feed', 'publishing the state on $SYS/cellgate', error);
      });
    }, EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  async #publishAll(): Promise<void> {
    const { cell, version, health, store, broker, sensors, outputs } = this.#parts;
    const sensorStatus = sensors.status();
    const changed = this.#publish('troubles', health.troubles);
    if (this.#isNewQuality(sensorStatus)) this.#publish('sensors', sensorStatus);
    const uplinks = this.#parts.uplinks();
    for (const { name, status } of uplinks) this.#publish(`uplink/${name}`, status);
    this.#clearRemovedUplinks(uplinks.map(({ name }) => `uplink/${name}`));
    this.#publish('clients', broker.sessions);
    this.#publish('shares', broker.shares);
    this.#publish('outputs', outputs.status());
    this.#publish('alarms', this.#parts.alarms.list());
    if (this.#rounds++ % COUNTS_EVERY > 0 && !changed) return;
    const names = uplinks.map(({ name }) => name);
    const simulated = this.#parts.simulation ? { simulated: true } : {};
    this.#publish('gateway', {
      ...{ cell, version, started: health.started, uplinks: names, ...simulated },
    });
    this.#publish('sensors', sensorStatus);
    this.#publish('store', await store.status());
    this.#publish('drops', broker.drops);
  }

  /** Whether a channel has another quality than a second ago: nothing may look well that is not. */
  #isNewQuality(sensors: ReturnType<Sensors['status']>): boolean {
    const before = this.#qualities;
    this.#qualities = sensors
      .flatMap(({ channels }) => channels)
      .map(({ topic, quality }) => `${topic} ${quality}`)
      .join('\n');
    return this.#qualities !== before;
  }

  /** Topics that a reload has removed are no longer retained. */
  #clearRemovedUplinks(names: readonly string[]): void {
    for (const name of this.#published.keys()) {
      if (!name.startsWith('uplink/') || names.includes(name)) continue;
      this.#published.delete(name);
      this.#send(name, Buffer.alloc(0));
    }
  }

  /** Returns true if the payload differs from the last published one. */
  #publish(name: string, value: unknown): boolean {
    const payload = JSON.stringify(value);
    if (this.#published.get(name) === payload) return false;
    this.#published.set(name, payload);
    this.#send(name, Buffer.from(payload));
    return true;
  }

  #send(name: string, payload: Buffer): void {
    const topic = `$SYS/cellgate/${name}`;
    void this.#parts.broker.publishLocal({ topic, payload, qos: 0, retain: true });
  }
}
