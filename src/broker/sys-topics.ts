import type { Clock } from '../clock.ts';
import type { Service } from '../lifecycle.ts';
import type { Broker } from './broker.ts';

export interface SysTopicsParts {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly version: string;
}

/** Mosquitto's default `sys_interval`, which dashboards expect. */
const EVERY_MS = 10_000;

/** Publishes what the broker counts under Mosquitto's names, each value when it has changed. */
export function createSysTopics({ broker, clock, version }: SysTopicsParts): Service {
  const published = new Map<string, string>();
  const began = clock.monotonic();
  let timer: NodeJS.Timeout | undefined;

  const publish = (): void => {
    for (const [name, value] of Object.entries(values())) {
      const payload = String(value);
      if (published.get(name) === payload) continue;
      published.set(name, payload);
      void broker.publishLocal({
        topic: `$SYS/broker/${name}`,
        payload: Buffer.from(payload),
        qos: 0,
        retain: true,
      });
    }
  };

  const values = (): Record<string, string | number> => {
    const counts = broker.counts;
    return {
      version: `cellgate version ${version}`,
      uptime: `${Math.floor((clock.monotonic() - began) / 1000)} seconds`,
      'clients/connected': counts.connected,
      'clients/disconnected': counts.away,
      'clients/total': counts.sessions,
      'clients/maximum': counts.maximum,
      'messages/received': counts.packetsReceived,
      'publish/messages/received': counts.published,
      'publish/messages/dropped': counts.dropped,
      'messages/stored': counts.retained + counts.queued,
      'retained messages/count': counts.retained,
      'subscriptions/count': counts.subscriptions,
    };
  };

  return {
    name: '$SYS topics',
    async start() {
      publish();
      timer = setInterval(publish, EVERY_MS);
    },
    async stop() {
      clearInterval(timer);
    },
  };
}
