import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Broker, BrokerCounts } from '../../src/broker/broker.ts';
import { createSysTopics } from '../../src/broker/sys-topics.ts';
import { createManualClock } from '../support/manual-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const COUNTS: BrokerCounts = {
  connected: 3,
  maximum: 5,
  sessions: 4,
  away: 1,
  subscriptions: 7,
  retained: 20,
  published: 100,
  packetsReceived: 150,
  dropped: 2,
  queued: 30,
};

test("values stand under Mosquitto's names, and are published when they change", async () => {
  const clock = createManualClock();
  const published: string[] = [];
  let counts = COUNTS;
  const broker = {
    get counts() {
      return counts;
    },
    publishLocal({ topic, payload, qos, retain }: Parameters<Broker['publishLocal']>[0]) {
      expect([qos, retain]).toEqual([0, true]);
      published.push(`${topic} = ${Buffer.from(payload)}`);
      return Promise.resolve();
    },
  } as unknown as Broker;
  const service = createSysTopics({ broker, clock, version: '1.2.3' });
  await service.start();
  expect(published.splice(0)).toEqual([
    '$SYS/broker/version = cellgate version 1.2.3',
    '$SYS/broker/uptime = 0 seconds',
    '$SYS/broker/clients/connected = 3',
    '$SYS/broker/clients/disconnected = 1',
    '$SYS/broker/clients/total = 4',
    '$SYS/broker/clients/maximum = 5',
    '$SYS/broker/messages/received = 150',
    '$SYS/broker/publish/messages/received = 100',
    '$SYS/broker/publish/messages/dropped = 2',
    '$SYS/broker/messages/stored = 50',
    '$SYS/broker/retained messages/count = 20',
    '$SYS/broker/subscriptions/count = 7',
  ]);
  counts = { ...COUNTS, connected: 2 };
  void clock.advance(10_000);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(published.splice(0)).toEqual([
    '$SYS/broker/uptime = 10 seconds',
    '$SYS/broker/clients/connected = 2',
  ]);
  await service.stop();
  expect(vi.getTimerCount()).toBe(0);
});
