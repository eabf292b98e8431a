import { join } from 'node:path';
import type { Logger } from 'pino';
import { Access } from './access/access.ts';
import { systemClock } from './base/clock.ts';
import { type Service, startAll } from './base/lifecycle.ts';
import { type LogTail, setLevel } from './base/log.ts';
import { createKeyedMutex } from './base/mutex.ts';
import { installation, version } from './base/version.ts';
import { Broker } from './broker/broker.ts';
import { createSysTopics } from './broker/stats/sys-topics.ts';
import { createBuses } from './buses/buses.ts';
import type { Config } from './config/schema/schema.ts';
import type { Problem } from './config/yaml/problem.ts';
import { statusTopic } from './driver-kit/cell-topics.ts';
import { corrected } from './driver-kit/reading.ts';
import { createDayHistory, recordedTopics } from './history/day-history.ts';
import { chartedValues, createHourHistory } from './history/hour-history.ts';
import type { Http } from './http/http.ts';
import type { Metrics } from './http/metrics.ts';
import { createOutputGroups, type OutputGroups } from './outputs/groups.ts';
import { createPins } from './outputs/pins.ts';
import { createAdminSocket } from './runtime/admin-socket.ts';
import { createHealth } from './runtime/health.ts';
import { createPowerFail } from './runtime/power-fail.ts';
import { createReload, type Reconfigurable, type ReloadReport } from './runtime/reload.ts';
import { createSystemd } from './runtime/systemd.ts';
import { askTimedatectl } from './runtime/time-sync.ts';
import { createWallClock } from './runtime/wall-clock.ts';
import { createSensors, type Sensors } from './sensors/sensors.ts';
import { Store } from './store/store.ts';
import { createUplinks } from './uplink/uplink.ts';

/** The slowest card answers sooner; a disk that fails answers too, with an error. */
const STUCK_S = 30;

/** A gateway that runs; `stop` resolves when it has let go of everything. */
export interface Gateway {
  /** Addresses that clients can connect to. */
  readonly urls: readonly string[];
  /** Goes on by the config file as it stands now, wholly or not at all. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
}

/** Reads and checks the config file as it now stands. */
export type Load = () => Promise<{
  config?: Config | undefined;
  problems: readonly Problem[];
  warnings: readonly Problem[];
}>;

/**
 * Starts the gateway: sensors are read over the buses, their readings go to the broker, the broker keeps
 * in the store what must not be lost. Resolves when it works, rejects with a sentence when it can't.
 */
export async function startGateway(
  config: Config,
  log: Logger,
  tail: LogTail,
  load: Load,
): Promise<Gateway> {
  const clock = systemClock;
  const { cell } = config;

  const store = new Store({
    folder: config.data,
    deferredMs: config.store.readingsWithin,
    log,
    // Without its writer the gateway can promise nothing: it ends, and is started anew from outside.
    onFatal: (error) => {
      setImmediate(() => {
        throw error;
      });
    },
  });

  const { listeners, limits } = config.broker;
  const createAccess = (file: string | undefined): Access | undefined =>
    file === undefined ? undefined : new Access({ file, log, now: () => clock.monotonic() });
  let access = createAccess(config.broker.access);
  const broker = new Broker({ listeners, limits, store, clock, log, access });
  const publish = (topic: string, payload: Uint8Array): void => {
    void broker.publishLocal({ topic, payload, qos: 0, retain: true });
  };

  const status: Service = {
    name: 'status',
    start: async () => publish(statusTopic(cell), Buffer.from('online')),
    stop: async () => publish(statusTopic(cell), Buffer.from('offline')),
  };

  const buses = createBuses({ log, gpio: { use: config.gpio.backend } });
  const turns = createKeyedMutex();
  const wallClock = createWallClock({
    clock,
    files: buses.files,
    askTimedatectl,
    log,
    memory: () => ({ boot: store.recovered.boot, state: store.state.of('$clock') }),
  });
  const sensing: Service = {
    name: 'sensing',
    async start() {
      const { boot } = store.recovered;
      const { sensors, drivers } = config;
      const { state } = store;
      const dated = { clock: { ...clock, wall: wallClock.now }, clockIsSet: wallClock.isSet };
      const own = { cell, boot, sensors, drivers, buses, turns, log, publish, state };
      running = createSensors({ ...own, ...dated });
      await running.start();
    },
    async stop() {
      await running?.stop();
      await buses.close();
    },
  };
  let running: Sensors | undefined;
  let configured = config.sensors;

  const acting: Service = {
    name: 'outputs',
    async start() {
      const { boot } = store.recovered;
      const { outputs } = config;
      const publishResult = (topic: string, payload: Uint8Array): void => {
        void broker.publishLocal({ topic, payload, qos: 1, retain: false });
      };
      const subscribe = broker.subscribeLocal.bind(broker);
      const ways = { publishReading: publish, publishResult, subscribe };
      const pins = createPins({ drivers: config.drivers, buses, turns });
      driving = createOutputGroups({ cell, boot, outputs, buses, pins, clock, log, ...ways });
      await driving.start();
    },
    stop: async () => driving?.stop(),
  };
  let driving: OutputGroups | undefined;

  const power =
    config.powerFail &&
    createPowerFail({
      config: config.powerFail,
      cell,
      payload: config.payload,
      boot: () => store.recovered.boot,
      buses,
      clock,
      log,
      publish,
      supplyChanged: async (fails) => driving?.supplyChanged(fails),
      flushAndCheckpoint: () => store.flushAndCheckpoint(),
    });

  const parts = { cell, store, broker, clock, log };
  const uplinks = createUplinks(
    {
      ...parts,
      correct: (payload) => corrected(payload, wallClock.stepOf),
      onConnected: (connected) => driving?.uplinkChanged(connected),
    },
    config.uplinks,
  );

  const sysTopics = createSysTopics({ broker, clock, version });

  const stuck = (): string | undefined => {
    const seconds = Math.round(store.journal.unansweredMs / 1000);
    if (seconds > STUCK_S) return `the writer of the store has not answered for ${seconds} s`;
    const stalled = running?.stalled() ?? [];
    return stalled.length > 0 ? `these sensors stand still: ${stalled.join(', ')}` : undefined;
  };

  const health = createHealth({
    cell,
    version,
    store,
    broker,
    access: () => access,
    uplinks: uplinks.all,
    wallClock,
    stuck,
    page: () => page,
    outputs: () => driving,
    power,
    sensing: () => running,
  });
  const reload = createReload({
    config,
    log,
    load,
    parts: [
      { name: 'log', applyConfig: async (next) => setLevel(log, next.log.level) },
      {
        name: 'store',
        async applyConfig(next) {
          store.journal.deferredMs = next.store.readingsWithin;
        },
      },
      {
        name: 'broker',
        async applyConfig({ broker: next }) {
          const former = access;
          const isNew = next.access !== former?.file;
          const wanted = isNew ? createAccess(next.access) : former;
          if (isNew) await wanted?.start();
          try {
            await broker.applyConfig({ ...next, access: wanted });
          } catch (error) {
            if (isNew) await wanted?.stop();
            throw error;
          }
          access = wanted;
          if (isNew) await former?.stop();
        },
      },
      { name: 'uplinks', applyConfig: (next) => uplinks.applyConfig(next.uplinks) },
      {
        name: 'day',
        async applyConfig(next) {
          configured = next.sensors;
        },
      },
      {
        name: 'sensing',
        applyConfig: async (next) => running?.applyConfig(next.sensors, next.drivers),
      },
      { name: 'outputs', applyConfig: async (next) => driving?.applyConfig(next.outputs) },
    ] satisfies Reconfigurable[],
  });
  const control = createAdminSocket(
    config.data,
    async (request) => {
      if (request.ask === 'status') return health.status();
      if (request.ask === 'reload') return reload();
      const uplink = uplinks.all().find(({ name }) => name === request.uplink);
      if (!uplink) throw new Error(`there is no uplink "${request.uplink}"`);
      return uplink.purge();
    },
    log,
  );

  const supervision = createSystemd({ env: process.env, log, stuck });

  const { http } = config;
  const history = createHourHistory({
    monotonic: () => clock.monotonic(),
    wall: () => clock.wall(),
    values: () => chartedValues(running?.status() ?? [], uplinks.all()),
  });
  const day = createDayHistory({
    history,
    topics: () => recordedTopics(configured, running?.status() ?? []),
    state: () => store.state.of('$day'),
    monotonic: () => clock.monotonic(),
    wall: wallClock.now,
    isSet: wallClock.isSet,
  });
  let metrics: Promise<Metrics> | undefined;
  const createMetrics = async (): Promise<Metrics> => {
    const module = await import('./http/metrics.ts');
    return module.createMetrics({
      status: health.status,
      drops: () => broker.drops,
      traffic: broker.traffic,
      commitTimes: () => store.journal?.commitTimes,
    });
  };
  // What nobody looks at is not loaded: the page, and the metrics until the first scrape.
  const page: Http | undefined =
    http &&
    (await import('./http/http.ts')).createHttp({
      config: http,
      access: () => access,
      log,
      wall: () => clock.wall(),
      tail,
      history,
      day,
      pageFolder: join(installation, 'dist/page'),
      upgradeHandler: (anonymous) => broker.webSocketUpgradeHandler(anonymous),
      metrics: () => {
        metrics ??= createMetrics();
        return metrics;
      },
      disconnect: (clientId) => broker.disconnectClient(clientId),
      troubles: health.troubles,
      stuck,
    });

  const stop = await startAll([
    store,
    uplinks.outboxes,
    ...(access
      ? [{ name: 'access', start: () => access!.start(), stop: async () => access?.stop() }]
      : []),
    broker,
    sysTopics,
    status,
    wallClock,
    uplinks.lines,
    sensing,
    acting,
    ...(power ? [power] : []),
    control,
    health,
    ...(page ? [history, day, page] : []),
    supervision,
  ]);
  log.info({ listeners: broker.urls, sensors: config.sensors.length }, `gateway of ${cell} is up`);
  return {
    urls: [...broker.urls, ...(page?.url ? [page.url] : [])],
    reload,
    async stop() {
      await stop();
      log.info('gateway has stopped');
    },
  };
}
