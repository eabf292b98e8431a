import { join } from 'node:path';
import type { Logger } from 'pino';
import { Access } from './access/access.ts';
import { systemClock } from './base/clock.ts';
import { Services } from './base/lifecycle.ts';
import { type LogTail, setLevel } from './base/log.ts';
import { createKeyedMutex } from './base/mutex.ts';
import { installation, version } from './base/version.ts';
import { Broker } from './broker/broker.ts';
import { createSysTopics } from './broker/stats/sys-topics.ts';
import { createBuses } from './buses/buses.ts';
import type { Config } from './config/schema/schema.ts';
import type { Problem } from './config/yaml/problem.ts';
import { corrected } from './driver-kit/reading.ts';
import { DayHistory } from './history/day-history.ts';
import { chartedValues, createHourHistory } from './history/hour-history.ts';
import { RecordedTopics } from './history/recorded-topics.ts';
import { createOutputs } from './outputs/outputs.ts';
import { createPins } from './outputs/pins.ts';
import { createAdminRequests } from './runtime/admin-requests.ts';
import { createAdminSocket } from './runtime/admin-socket.ts';
import { Health } from './runtime/health.ts';
import { HealthTopics } from './runtime/health-topics.ts';
import { createOnlineTopic } from './runtime/online-topic.ts';
import { PowerFail } from './runtime/power-fail.ts';
import { createProgress } from './runtime/progress.ts';
import { Reload, type ReloadReport } from './runtime/reload.ts';
import { createSystemd } from './runtime/systemd.ts';
import { askTimedatectl } from './runtime/time-sync.ts';
import { createWallClock } from './runtime/wall-clock.ts';
import { createSensors } from './sensors/sensors.ts';
import { Store } from './store/store.ts';
import { createUplinks } from './uplink/uplink.ts';

/** A running gateway; `stop` resolves when it has released everything. */
export interface Gateway {
  /** Addresses that clients can connect to. */
  readonly urls: readonly string[];
  /** Changes to the config file as it is on disk, completely or not at all. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
}

/** Reads and checks the config file as it is on disk. */
export type Load = () => Promise<{
  config?: Config | undefined;
  problems: readonly Problem[];
}>;

/** Without its writer the store can promise nothing: the process ends, and systemd starts it again. */
function endProcess(error: Error): void {
  setImmediate(() => {
    throw error;
  });
}

/**
 * Starts the gateway: sensors are read over the buses, their readings go to the broker, the broker keeps in the store
 * what must not be lost. All parts are built, then started. Rejects with a sentence when a part can't start.
 * It stays one function: the parts in the order of the diagram, without decisions.
 */
export async function startGateway(
  config: Config,
  log: Logger,
  tail: LogTail,
  load: Load,
): Promise<Gateway> {
  const { cell, data, payload, drivers } = config;
  const clock = systemClock;
  const [monotonic, wall] = [clock.monotonic, clock.wall];
  const services = new Services<Config>();

  const deferredMs = config.store.readingsWithin;
  const store = new Store({ folder: data, deferredMs, log, onFatal: endProcess });
  const boot = (): number => store.recovered.boot;
  const state = { of: (owner: string) => store.state.of(owner) };
  const access = new Access({ file: config.broker.access, log, now: monotonic });
  const broker = new Broker({ ...config.broker, store, clock, log, access });
  const publishOf = (qos: 0 | 1, retain: boolean) => (topic: string, bytes: Uint8Array) =>
    void broker.publishLocal({ topic, payload: bytes, qos, retain });
  const publish = publishOf(0, true);

  const buses = createBuses({ log, gpio: { use: config.gpio.backend } });
  const turns = createKeyedMutex();
  const wallClock = createWallClock({
    ...{ clock, files: buses.files, askTimedatectl, log, boot },
    state: () => state.of('$clock'),
  });
  const sensors = createSensors({
    ...{ cell, boot, sensors: config.sensors, drivers, buses, turns, log, publish, state },
    clock: { ...clock, wall: wallClock.now },
    clockIsSet: wallClock.isSet,
  });
  const outputs = createOutputs({
    ...{ cell, boot, outputs: config.outputs, buses, clock, log },
    pins: createPins({ drivers, buses, turns }),
    publishReading: publish,
    publishResult: publishOf(1, false),
    subscribe: (topic, receive) => broker.subscribeLocal(topic, receive),
  });
  const uplinks = createUplinks(
    {
      ...{ cell, store, broker, clock, log },
      correct: (reading) => corrected(reading, wallClock.stepOf),
      onConnected: (connected) => outputs.uplinkChanged(connected),
    },
    config.uplinks,
  );
  const progress = createProgress({
    unansweredMs: () => store.journal.unansweredMs,
    stalledSensors: () => sensors.stalled(),
  });
  const health = new Health({
    ...{ cell, version, store, broker, sensors, outputs, uplinks: uplinks.all },
    troubles: () => [progress.stuck() ?? [], services.troubles()].flat(),
  });
  const reload = new Reload({
    ...{ config, log, load },
    parts: () => [
      { name: 'log', applyConfig: async (next) => setLevel(log, next.log.level) },
      ...services.reconfigurable,
    ],
  });
  const history = createHourHistory({
    ...{ monotonic, wall },
    values: () => chartedValues(sensors.status(), uplinks.all()),
  });
  const recorded = new RecordedTopics(config.sensors, () => sensors.status());
  const day = new DayHistory({
    ...{ history, topics: () => recorded, monotonic, wall: wallClock.now, isSet: wallClock.isSet },
    state: () => state.of('$day'),
  });
  // Loaded only where the config asks for it: without the page the gateway takes less memory.
  const page =
    config.http &&
    new (await import('./http/http.ts')).Http({
      ...{ config: config.http, access, log, wall, tail, history, day },
      pageFolder: join(installation, 'dist/page'),
      upgradeHandler: (anonymous) => broker.webSocketUpgradeHandler(anonymous),
      metrics: {
        status: () => health.status(),
        drops: () => broker.drops,
        traffic: broker.traffic,
        commitTimes: () => store.journal.commitTimes,
      },
      disconnect: (clientId) => broker.disconnectClient(clientId),
      troubles: () => health.troubles,
      stuck: progress.stuck,
    });

  // In the order of start; with how each is brought to another config, in the order in which a reload does it.
  services.add(store, async (next) => {
    store.journal.deferredMs = next.store.readingsWithin;
  });
  services.add(uplinks.outboxes);
  services.add(access, (next) => access.applyConfig(next.broker.access));
  services.add(broker, (next) => broker.applyConfig(next.broker));
  services.add(createSysTopics({ broker, clock, version }));
  services.add(createOnlineTopic(cell, publish));
  services.add(wallClock);
  services.add(uplinks.lines, (next) => uplinks.applyConfig(next.uplinks));
  services.add({ name: 'buses', start: async () => undefined, stop: () => buses.close() });
  services.add(sensors, (next) => sensors.applyConfig(next.sensors, next.drivers));
  services.add(outputs, (next) => outputs.applyConfig(next.outputs));
  if (config.powerFail) {
    services.add(
      new PowerFail({
        ...{ config: config.powerFail, cell, payload, boot, buses, clock, log, publish },
        supplyChanged: (fails) => outputs.supplyChanged(fails),
        flushAndCheckpoint: () => store.flushAndCheckpoint(),
      }),
    );
  }
  const run = (): Promise<ReloadReport> => reload.run();
  const answer = createAdminRequests({ health, uplinks: uplinks.all, reload: run });
  services.add(createAdminSocket(data, answer, log));
  services.add(
    new HealthTopics({
      ...{ cell, version, health, store, broker, sensors, outputs, uplinks: uplinks.all },
    }),
  );
  if (page) {
    services.add(history);
    services.add(day, async (next) => recorded.applyConfig(next.sensors));
    services.add(page);
  }
  services.add(createSystemd({ env: process.env, log, stuck: progress.stuck }));

  await services.start();
  log.info({ listeners: broker.urls, sensors: config.sensors.length }, `gateway of ${cell} is up`);
  return {
    urls: [...broker.urls, ...(page?.url ? [page.url] : [])],
    reload: run,
    async stop() {
      await services.stop();
      log.info('gateway has stopped');
    },
  };
}
