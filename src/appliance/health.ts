import type { Broker } from '../broker/broker.ts';
import type { Service } from '../lifecycle.ts';
import type { Sensing } from '../sensing/sensing.ts';
import type { Store } from '../store/store.ts';
import type { Uplink } from '../uplink/uplink.ts';

export interface HealthParts {
  readonly store: Store;
  readonly broker: Broker;
  access(): Service | undefined;
  uplinks(): readonly Uplink[];
  readonly outputs: Service;
  /** Undefined until sensing has started. */
  sensing(): Sensing | undefined;
}

/** A service that can also be asked at once. */
export interface Health extends Service {
  /** One sentence each. */
  troubles(): string[];
}

/** How soon a trouble is told, and how many times more seldom what only counts on. */
const EVERY_MS = 1000;
const COUNTS_EVERY = 10;

/** The one place that knows how the gateway is: publishes it as JSON under `$SYS/cellgate/`. */
export function createHealth(parts: HealthParts): Health {
  const { store, broker, access, uplinks, outputs, sensing } = parts;
  const published = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let rounds = 0;

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

  const troubles = (): string[] =>
    [
      store.trouble(),
      broker.trouble(),
      access()?.trouble?.(),
      outputs.trouble?.(),
      sensing()?.trouble?.(),
      ...uplinks().map((uplink) => uplink.trouble()),
    ].filter((trouble) => trouble !== undefined);

  const look = async (): Promise<void> => {
    const changed = publish('troubles', troubles());
    for (const { name, status } of uplinks()) publish(`uplink/${name}`, status);
    if (rounds++ % COUNTS_EVERY > 0 && !changed) return;
    publish('sensors', sensing()?.status() ?? []);
    publish('store', await store.status());
    publish('drops', broker.drops);
  };

  return {
    name: 'health',
    troubles,
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
