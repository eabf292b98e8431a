import type { Clock } from '../../base/clock.ts';
import type { Faults } from '../../base/faults.ts';
import type { Service } from '../../base/lifecycle.ts';
import type { Broker } from '../broker.ts';
import { LoadAverage } from './load-average.ts';
import type { BrokerCounts } from './status.ts';
import type { TrafficCounters } from './traffic-counters.ts';

export interface SysTopicsParts {
  readonly broker: Pick<Broker, 'counts' | 'traffic' | 'publishLocal'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly version: string;
  readonly faults: Faults;
  /** In bytes; the process's own by default. */
  memory?(): { readonly heapUsed: number; readonly external: number };
}

/** By the topic's name below `$SYS/broker/`. */
type Values = Readonly<Record<string, string | number>>;

/** Mosquitto's default `sys_interval`, which dashboards expect. */
const INTERVAL_MS = 10_000;

/** Publishes the broker's counters under Mosquitto's names, each value when it has changed. */
export function createSysTopics(parts: SysTopicsParts): Service {
  const { broker, clock, version, faults, memory = () => process.memoryUsage() } = parts;
  const published = new Map<string, string>();
  const startedAt = clock.monotonic();
  const loads = createLoads();
  let publishedAt = startedAt;
  let heapMaximum = 0;
  let timer: NodeJS.Timeout | undefined;

  const values = (): Values => {
    const { counts, traffic } = broker;
    const now = clock.monotonic();
    const elapsedMs = now - publishedAt;
    publishedAt = now;
    const { heapUsed, external } = memory();
    const heap = heapUsed + external;
    heapMaximum = Math.max(heapMaximum, heap);
    return {
      version: `cellgate version ${version}`,
      uptime: `${Math.floor((now - startedAt) / 1000)} seconds`,
      ...countValues(counts, traffic),
      'heap/current': heap,
      'heap/maximum': heapMaximum,
      ...loads(loadCounters(counts, traffic), elapsedMs),
    };
  };

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

  return {
    name: '$SYS topics',
    async start() {
      const guarded = faults.guard('feed', 'publishing the counters on $SYS/broker', publish);
      guarded();
      timer = setInterval(guarded, INTERVAL_MS);
    },
    async stop() {
      clearInterval(timer);
    },
  };
}

function countValues(counts: BrokerCounts, traffic: TrafficCounters): Values {
  const stored = counts.retained + counts.queued;
  return {
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
    'shared_subscriptions/count': counts.shares.members,
  };
}

/** Counters whose averages are published, by their name below `load/`. */
function loadCounters(
  counts: BrokerCounts,
  traffic: TrafficCounters,
): Readonly<Record<string, number>> {
  return {
    'messages/received': counts.packetsReceived,
    'messages/sent': traffic.packetsSent,
    'publish/received': traffic.publishReceived,
    'publish/sent': traffic.publishSent,
    'publish/dropped': counts.dropped,
    'bytes/received': traffic.bytesReceived,
    'bytes/sent': traffic.bytesSent,
    sockets: traffic.sockets,
    connections: traffic.connections,
  };
}

/** Converts counters, and the milliseconds since the call before, to their growth per minute over 1, 5 and 15 minutes. */
function createLoads(): (counters: Readonly<Record<string, number>>, elapsedMs: number) => Values {
  const averages = new Map<string, LoadAverage>();
  return (counters, elapsedMs) => {
    const values: Record<string, string> = {};
    for (const [name, count] of Object.entries(counters)) {
      const average = averages.get(name) ?? new LoadAverage(count);
      averages.set(name, average);
      for (const [window, value] of Object.entries(average.add(count, elapsedMs))) {
        values[`load/${name}/${window}`] = value;
      }
    }
    return values;
  };
}
