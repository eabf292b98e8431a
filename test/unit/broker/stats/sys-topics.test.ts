import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Broker } from '../../../../src/broker/broker.ts';
import type { BrokerCounts } from '../../../../src/broker/stats/status.ts';
import { createSysTopics } from '../../../../src/broker/stats/sys-topics.ts';
import { TrafficCounters } from '../../../../src/broker/stats/traffic-counters.ts';
import { createFaults } from '../../../support/faults.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const COUNTS: BrokerCounts = {
  connected: 3,
  versions: { '3.1': 0, '3.1.1': 2, '5': 1 },
  ...{ shares: { groups: 2, members: 5 }, aliases: { fromClient: 3, toClient: 4 } },
  maximum: 5,
  sessions: 4,
  away: 1,
  subscriptions: 7,
  retained: 20,
  published: 100,
  packetsReceived: 150,
  dropped: 2,
  queued: 30,
  storedBytes: 4000,
  flow: { publishersHeld: 0, slowReaders: 0, holds: 0, heldMs: 0, slowReadersTotal: 0 },
  expired: 1,
};

/** Every topic that Mosquitto 2.0.11 publishes below `$SYS/broker` by itself. */
const MOSQUITTO = [
  'bytes/received',
  'bytes/sent',
  'clients/active',
  'clients/connected',
  'clients/disconnected',
  'clients/expired',
  'clients/inactive',
  'clients/maximum',
  'clients/total',
  'heap/current',
  'heap/maximum',
  ...[
    'bytes/received',
    'bytes/sent',
    'connections',
    'messages/received',
    'messages/sent',
    'publish/dropped',
    'publish/received',
    'publish/sent',
    'sockets',
  ].flatMap((name) => [`load/${name}/1min`, `load/${name}/5min`, `load/${name}/15min`]),
  'messages/received',
  'messages/sent',
  'messages/stored',
  'publish/bytes/received',
  'publish/bytes/sent',
  'publish/messages/dropped',
  'publish/messages/received',
  'publish/messages/sent',
  'retained messages/count',
  'shared_subscriptions/count',
  'store/messages/bytes',
  'store/messages/count',
  'subscriptions/count',
  'uptime',
  'version',
];

test("values stand under Mosquitto's names, and are published when they change", async () => {
  const clock = createManualClock();
  const published: string[] = [];
  let counts = COUNTS;
  const traffic = Object.assign(new TrafficCounters(), { packetsSent: 70, publishReceived: 100 });
  const broker = {
    traffic,
    get counts() {
      return counts;
    },
    publishLocal({ topic, payload, qos, retain }: Parameters<Broker['publishLocal']>[0]) {
      expect([qos, retain]).toEqual([0, true]);
      published.push(`${topic} = ${Buffer.from(payload)}`);
      return Promise.resolve();
    },
  } as unknown as Broker;
  const memory = () => ({ heapUsed: 1000, external: 24 });
  const service = createSysTopics({
    faults: createFaults(),
    broker,
    clock,
    version: '1.2.3',
    memory,
  });
  await service.start();
  const first = published.splice(0);
  const names = first.map((line) => line.replace(/^\$SYS\/broker\/(.*) = .*$/, '$1'));
  expect(names.toSorted()).toEqual(MOSQUITTO.toSorted());
  expect(first.filter((line) => !/ = 0(\.00)?$/.test(line))).toEqual([
    '$SYS/broker/version = cellgate version 1.2.3',
    '$SYS/broker/uptime = 0 seconds',
    '$SYS/broker/clients/connected = 3',
    '$SYS/broker/clients/active = 3',
    '$SYS/broker/clients/disconnected = 1',
    '$SYS/broker/clients/inactive = 1',
    '$SYS/broker/clients/expired = 1',
    '$SYS/broker/clients/total = 4',
    '$SYS/broker/clients/maximum = 5',
    '$SYS/broker/messages/received = 150',
    '$SYS/broker/messages/sent = 70',
    '$SYS/broker/messages/stored = 50',
    '$SYS/broker/store/messages/count = 50',
    '$SYS/broker/store/messages/bytes = 4000',
    '$SYS/broker/publish/messages/received = 100',
    '$SYS/broker/publish/messages/dropped = 2',
    '$SYS/broker/retained messages/count = 20',
    '$SYS/broker/subscriptions/count = 7',
    '$SYS/broker/shared_subscriptions/count = 5',
    '$SYS/broker/heap/current = 1024',
    '$SYS/broker/heap/maximum = 1024',
  ]);
  traffic.packetsSent += 20;
  counts = { ...COUNTS, connected: 2 };
  void clock.advance(10_000);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(published.splice(0)).toEqual([
    '$SYS/broker/uptime = 10 seconds',
    '$SYS/broker/clients/connected = 2',
    '$SYS/broker/clients/active = 2',
    '$SYS/broker/messages/sent = 90',
    // 20 in ten seconds are 120 in a minute: one part of six, of thirty, of ninety, as exp has it.
    '$SYS/broker/load/messages/sent/1min = 18.42',
    '$SYS/broker/load/messages/sent/5min = 3.93',
    '$SYS/broker/load/messages/sent/15min = 1.33',
  ]);
  await service.stop();
  expect(vi.getTimerCount()).toBe(0);
});
