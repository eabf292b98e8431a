import type { Service } from '../base/lifecycle.ts';
import type { Broker } from '../broker/broker.ts';
import type { BrokerCounts, SessionStatus } from '../broker/stats/status.ts';
import type { OutputStatus } from '../outputs/output.ts';
import type { Outputs } from '../outputs/outputs.ts';
import type { SensorStatus } from '../sensors/sampler.ts';
import type { Sensors } from '../sensors/sensors.ts';
import type { Store, StoreStatus } from '../store/store.ts';
import type { Uplink, UplinkStatus } from '../uplink/uplink.ts';
import type { WallClock } from './wall-clock.ts';

export interface HealthParts {
  readonly cell: string;
  readonly version: string;
  readonly store: Store;
  readonly broker: Broker;
  access(): Service | undefined;
  uplinks(): readonly Uplink[];
  readonly wallClock: WallClock;
  /** What stands still that a restart would mend; the watchdog asks the same. */
  stuck(): string | undefined;
  page(): Service | undefined;
  /** Undefined until they have started. */
  outputs(): Outputs | undefined;
  /** Undefined where power failures are not looked for. */
  readonly power: Service | undefined;
  sensing(): Sensors | undefined;
}

/** The running gateway as `status --json` prints it. */
export interface GatewayStatus {
  readonly cell: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly sessions: BrokerCounts;
  readonly clients: readonly SessionStatus[];
  readonly sensors: readonly SensorStatus[];
  readonly outputs: readonly OutputStatus[];
  readonly uplinks: readonly UplinkStatus[];
  readonly store: StoreStatus;
  /** One sentence each. */
  readonly troubles: readonly string[];
}

/** A service that can also be asked at once. */
export interface Health extends Service {
  /** One sentence each. */
  troubles(): string[];
  status(): Promise<GatewayStatus>;
}

/** How soon a trouble is told, and how many times more seldom what only counts on. */
const EVERY_MS = 1000;
const COUNTS_EVERY = 10;

/** The one place that knows how the gateway is: publishes it as JSON under `$SYS/cellgate/`. */
export function createHealth(parts: HealthParts): Health {
  const { cell, version, store, broker, access, uplinks, outputs, sensing, wallClock } = parts;
  const published = new Map<string, string>();
  let began: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let rounds = 0;

  /** The clock may have been set since then. */
  const started = (): number => {
    began ??= store.storedClock.now();
    return store.storedClock.wallAt(began);
  };

  /** True where it was not the same before. */
  const publish = (name: string, value: unknown): boolean => {
    const payload = JSON.stringify(value);
    if (published.get(name) === payload) return false;
    published.set(name, payload);
    void broker.publishLocal({
      topic: `$SYS/cellgate/${name}`,
      payload: Buffer.from(payload),
      qos: 0,
      retain: true,
    });
    return true;
  };

  /** Those that a reload has taken away are no longer retained. */
  const forgetUplinks = (): void => {
    const names = uplinks().map(({ name }) => `uplink/${name}`);
    for (const name of published.keys()) {
      if (!name.startsWith('uplink/') || names.includes(name)) continue;
      published.delete(name);
      const topic = `$SYS/cellgate/${name}`;
      void broker.publishLocal({ topic, payload: Buffer.alloc(0), qos: 0, retain: true });
    }
  };

  const troubles = (): string[] => {
    const all = [
      parts.stuck(),
      store.trouble(),
      ...broker.troubles(),
      access()?.trouble?.(),
      parts.page()?.trouble?.(),
      outputs()?.trouble?.(),
      parts.power?.trouble?.(),
      sensing()?.trouble?.(),
      ...uplinks().map((uplink) => uplink.trouble()),
      wallClock.trouble?.(),
    ].filter((trouble) => trouble !== undefined);
    // Listeners and the page may share a certificate.
    return [...new Set(all)];
  };

  const look = async (): Promise<void> => {
    const changed = publish('troubles', troubles());
    for (const { name, status } of uplinks()) publish(`uplink/${name}`, status);
    forgetUplinks();
    publish('clients', broker.sessions);
    publish('outputs', outputs()?.status() ?? []);
    if (rounds++ % COUNTS_EVERY > 0 && !changed) return;
    publish('gateway', {
      cell,
      version,
      started: started(),
      uplinks: uplinks().map(({ name }) => name),
    });
    publish('sensors', sensing()?.status() ?? []);
    publish('store', await store.status());
    publish('drops', broker.drops);
  };

  return {
    name: 'health',
    troubles,
    status: async () => ({
      cell,
      version,
      started: started(),
      sessions: broker.counts,
      clients: broker.sessions,
      sensors: sensing()?.status() ?? [],
      outputs: outputs()?.status() ?? [],
      uplinks: uplinks().map(({ status }) => status),
      store: await store.status(),
      troubles: troubles(),
    }),
    async start() {
      await look();
      timer = setInterval(() => {
        // A store that does not answer is a trouble that it tells itself.
        look().catch(() => undefined);
      }, EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
    },
  };
}
