import { copyFileSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../../src/base/clock.ts';
import { Broker } from '../../../src/broker/broker.ts';
import type { BrokerLimits } from '../../../src/broker/broker-limits.ts';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { Store } from '../../../src/store/store.ts';
import { createAheadClock } from '../../support/ahead-clock.ts';
import type { SomeLimits } from '../../support/broker.ts';
import { createFaults } from '../../support/faults.ts';
import { startGateway } from '../../support/gateway.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

/** A gateway's broker on loopback that can be stopped, or killed, and started again on its data. */
export interface Bench {
  readonly port: number;
  /** Time passes for the gateway, which drops what has expired. */
  pass?(ms: number): Promise<void>;
  /** A clean stop and a start. */
  restart(): Promise<void>;
  /**
   * Takes its life at this instant: `dying` is called once nothing more can reach the disk, in the same turn.
   * Resolves when it is started anew on what was on disk.
   */
  crash(dying: () => void): Promise<void>;
  dispose(): Promise<void>;
}

export const DEFAULT_LIMITS: BrokerLimits = {
  connections: 1000,
  connectionsPerAddress: 1000,
  packet: 1024 * 1024,
  tcpKeepalive: 600_000,
  connectTimeout: 10_000,
  packetTimeout: 300_000,
  sessionExpiry: 7 * 86_400_000,
  connecting: 1000,
  retainedMessages: 100_000,
  retainedMessagesPerClient: 100_000,
  retainedBytes: 256 * 1024 * 1024,
  retainedBytesPerClient: 256 * 1024 * 1024,
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
  inflight: 20,
  receiveMaximum: 1000,
  overReceiveMaximum: 'disconnect',
  topicAliases: 100,
  queue: {
    messages: 100_000,
    bytes: 256 * 1024 * 1024,
    age: 7 * 86_400_000,
    full: 'drop-oldest',
  },
};

export interface InProcess extends Bench {
  readonly broker: Broker;
  readonly store: Store;
  readonly wsPort: number;
  /** Messages of the log. */
  readonly lines: string[];
}

const VERSIONS = [3, 4, 5] as const;

/** Store and broker in this process, with real sockets and a folder of their own. */
export async function startInProcess(
  limits: SomeLimits = {},
  clock: Clock & { pass?(ms: number): void } = createAheadClock(),
): Promise<InProcess> {
  const { log, lines } = createQuietLog();
  const folders: string[] = [];
  const newFolder = async (): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'cellgate-model-'));
    folders.push(folder);
    return folder;
  };
  const start = async (folder: string) => {
    const store = new Store({
      faults: createFaults(),
      folder,
      deferredMs: 200,
      log,
      clock,
      onFatal: (error) => {
        throw error;
      },
    });
    await store.start();
    const listener = { host: '127.0.0.1', port: 0, anonymous: true, versions: VERSIONS };
    const broker = new Broker({
      faults: createFaults(),
      listeners: [
        { ...listener, protocol: 'tcp' },
        { ...listener, protocol: 'ws' },
      ],
      limits: {
        ...DEFAULT_LIMITS,
        ...limits,
        queue: { ...DEFAULT_LIMITS.queue, ...limits.queue },
      },
      store,
      clock,
      log,
    });
    await broker.start();
    const [port, wsPort] = broker.urls.map((url) => Number(new URL(url).port));
    return { folder, store, broker, port: port!, wsPort: wsPort! };
  };
  const stop = async ({ store, broker }: { store: Store; broker: Broker }): Promise<void> => {
    await broker.stop();
    await store.stop();
  };
  let running = await start(await newFolder());
  return {
    get port() {
      return running.port;
    },
    get wsPort() {
      return running.wsPort;
    },
    get broker() {
      return running.broker;
    },
    get store() {
      return running.store;
    },
    lines,
    async pass(ms) {
      clock.pass!(ms);
      running.broker.sweep();
    },
    async restart() {
      await stop(running);
      running = await start(running.folder);
    },
    async crash(dying) {
      const copy = await newFolder();
      copyDatabase(running.folder, copy);
      dying();
      await stop(running);
      running = await start(copy);
    },
    async dispose() {
      await stop(running);
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The database and its log as `kill -9` at this instant would leave them. The transaction holds off
 * commits of the writer thread for the moment, and checkpoints from touching what is copied.
 */
function copyDatabase(from: string, to: string): void {
  const db = new Database(databaseFile(from));
  db.exec('BEGIN IMMEDIATE');
  for (const suffix of ['', '-wal']) {
    const file = databaseFile(from) + suffix;
    if (existsSync(file)) copyFileSync(file, databaseFile(to) + suffix);
  }
  db.exec('ROLLBACK');
  db.close();
}

/** The built gateway in a process of its own; its crash is `kill -9`. */
export async function startSpawned(limits: Readonly<Record<string, number | string>>) {
  const gateway = await startGateway({ limits, versions: VERSIONS });
  const bench: Bench = {
    port: gateway.port,
    restart: () => gateway.restart(),
    async crash(dying) {
      process.kill(gateway.pid, 'SIGKILL');
      dying();
      await gateway.kill();
      await gateway.restart();
    },
    dispose: () => gateway.dispose(),
  };
  return bench;
}
