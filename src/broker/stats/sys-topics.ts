import type { Clock } from '../../base/clock.ts';
import type { Service } from '../../base/lifecycle.ts';
import type { Broker } from '../broker.ts';
import { LoadAverage } from './load-average.ts';

export interface SysTopicsParts {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly version: string;
  /** In bytes; the process's own by default. */
  memory?(): { readonly heapUsed: number; readonly external: number };
}

/** Mosquitto's default `sys_interval`, which dashboards expect. */
const EVERY_MS = 10_000;

/** Publishes what the broker counts under Mosquitto's names, each value when it has changed. */
export function createSysTopics(parts: SysTopicsParts): Service {
  const { broker, clock, version, memory = () => process.memoryUsage() } = parts;
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

  const loads = new Map<string, LoadAverage>();
  let lookedAt = began;
  let most = 0;

  /** What a counter has grown by in a minute, over one, five and fifteen. */
  const load = (name: string, count: number, ms: number): Record<string, string> => {
    const one = loads.get(name) ?? new LoadAverage(count);
    loads.set(name, one);
    const averages = Object.entries(one.take(count, ms));
    return Object.fromEntries(averages.map(([window, value]) => [`load/${name}/${window}`, value]));
  };

  const values = (): Record<string, string | number> => {
    const { counts, traffic } = broker;
    const now = clock.monotonic();
    const ms = now - lookedAt;
    lookedAt = now;
    const { heapUsed, external } = memory();
    most = Math.max(most, heapUsed + external);
    const stored = counts.retained + counts.queued;
    return {
      version: `cellgate version ${version}`,
      uptime: `${Math.floor((now - began) / 1000)} seconds`,
      'clients/connected': counts.connected,
      'clients/active': counts.connected,
      'clients/disconnected': counts.away,
      'clients/inactive': counts.away,
      'clients/expired': counts.expired,
      'clients/total': counts.sessions,
      'clients/maximum': counts.maximum,
      'messages/received': counts.packetsReceived,
      'messages/sent': traffic.packetsSent,
      'messages/stored': stored,
      'store/messages/count': stored,
      'store/messages/bytes': counts.storedBytes,
      'publish/messages/received': traffic.publishReceived,
      'publish/messages/sent': traffic.publishSent,
      'publish/messages/dropped': counts.dropped,
      'publish/bytes/received': traffic.publishBytesReceived,
      'publish/bytes/sent': traffic.publishBytesSent,
      'bytes/received': traffic.bytesReceived,
      'bytes/sent': traffic.bytesSent,
      'retained messages/count': counts.retained,
      'subscriptions/count': counts.subscriptions,
      'shared_subscriptions/count': 0,
      'heap/current': heapUsed + external,
      'heap/maximum': most,
      ...load('messages/received', counts.packetsReceived, ms),
      ...load('messages/sent', traffic.packetsSent, ms),
      ...load('publish/received', traffic.publishReceived, ms),
      ...load('publish/sent', traffic.publishSent, ms),
      ...load('publish/dropped', counts.dropped, ms),
      ...load('bytes/received', traffic.bytesReceived, ms),
      ...load('bytes/sent', traffic.bytesSent, ms),
      ...load('sockets', traffic.sockets, ms),
      ...load('connections', traffic.connections, ms),
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
