import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Faults } from '../../src/base/faults.ts';
import { Broker } from '../../src/broker/broker.ts';
import type { BrokerLimits } from '../../src/broker/broker-limits.ts';
import type { Version } from '../../src/mqtt/connect.ts';
import type { Store } from '../../src/store/store.ts';
import { Client5 } from './client-5.ts';
import { createQuietLog, type LogRecord } from './quiet-log.ts';
import { RawClient } from './raw-client.ts';
import { startStore } from './store.ts';

export const LIMITS: BrokerLimits = {
  connections: 100,
  connectionsPerAddress: 100,
  packet: 1024 * 1024,
  inflight: 20,
  receiveMaximum: 1000,
  overReceiveMaximum: 'disconnect',
  topicAliases: 100,
  queue: { messages: 1000, bytes: 1024 * 1024, age: 7 * 86_400_000, full: 'drop-oldest' },
  sessionExpiry: 7 * 86_400_000,
  tcpKeepalive: 600_000,
  connectTimeout: 5000,
  packetTimeout: 300_000,
  connecting: 100,
  retainedMessages: 1000,
  retainedMessagesPerClient: 1000,
  retainedBytes: 1024 * 1024,
  retainedBytesPerClient: 1024 * 1024,
  unreleased: 200_000,
  absentQueueBytes: 2 * 1024 ** 3,
  subscriptionBytes: 16 * 1024 * 1024,
  subscriptionBytesPerClient: 4 * 1024 * 1024,
  unfinishedMemory: 64 * 1024 * 1024,
  unreadMemory: 128 * 1024 * 1024,
  unreadMemoryPerClient: 8 * 1024 * 1024,
  queueMemory: 64 * 1024 * 1024,
  queueMemoryPerClient: 16 * 1024 * 1024,
  subscriptions: 100_000,
  subscriptionsPerClient: 10_000,
  absentSessions: 'end-largest',
  controlCharacters: 'refuse',
};

/** Limits that a test changes; the others keep their values. */
export type SomeLimits = Partial<Omit<BrokerLimits, 'queue'>> & {
  readonly queue?: Partial<BrokerLimits['queue']>;
};

export interface RunningBroker {
  readonly broker: Broker;
  readonly store: Store;
  /** Those of the broker and the store. */
  readonly faults: Faults;
  readonly lines: string[];
  readonly records: readonly LogRecord[];
  readonly fatal: Error[];
  readonly port: number;
  /** A client that is connected; it goes with the test. */
  client(options?: Parameters<RawClient['connect']>[0]): Promise<RawClient>;
  /** The same for MQTT 5, which the listener must accept. */
  client5(options?: Parameters<Client5['connect']>[0]): Promise<Client5>;
  stop(): Promise<void>;
}

/** A broker on its store in this process, listening on a free port of loopback. */
export async function startBroker(
  folder: string,
  limits: SomeLimits = {},
  options: Parameters<typeof startStore>[1] = {},
  protocol: 'tcp' | 'ws' = 'tcp',
  clock: Clock = systemClock,
  versions?: readonly Version[],
): Promise<RunningBroker> {
  const { log, lines, records } = createQuietLog();
  const faults = new Faults(log, systemClock.monotonic);
  const { store, fatal } = await startStore(folder, { faults, ...options });
  const broker = new Broker({
    listeners: [
      { host: '127.0.0.1', port: 0, protocol, anonymous: true, ...(versions && { versions }) },
    ],
    limits: { ...LIMITS, ...limits, queue: { ...LIMITS.queue, ...limits.queue } },
    store,
    clock,
    log,
    faults,
  });
  await broker.start();
  const port = Number(new URL(broker.urls[0]!).port);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= broker.stop().then(() => store.stop());
    return stopped;
  };
  onTestFinished(stop);
  return {
    broker,
    store,
    faults,
    lines,
    records,
    fatal,
    port,
    async client(options) {
      const client = await RawClient.open(protocol, port);
      onTestFinished(() => client.destroy());
      return client.connect(options);
    },
    async client5(options) {
      const client = await Client5.open(protocol, port);
      onTestFinished(() => client.destroy());
      return client.connect(options);
    },
    stop,
  };
}
