import type { Logger } from 'pino';
import { Access } from './access/access.ts';
import { createAlarms } from './alarms/alarms.ts';
import { sha256 } from './audit/audit-line.ts';
import { AuditLog } from './audit/audit-log.ts';
import { systemClock } from './base/clock.ts';
import { Faults } from './base/faults.ts';
import { Services } from './base/lifecycle.ts';
import type { LogTail } from './base/log.ts';
import { createKeyedMutex } from './base/mutex.ts';
import { TroubleLog } from './base/trouble-log.ts';
import { version } from './base/version.ts';
import { Broker } from './broker/broker.ts';
import { createSysTopics } from './broker/stats/sys-topics.ts';
import { createBuses } from './buses/buses.ts';
import type { Config } from './config/schema/schema.ts';
import { corrected } from './driver-kit/reading.ts';
import { Archive } from './history/archive/archive.ts';
import { History } from './history/history.ts';
import { HomeAssistant } from './home-assistant/home-assistant.ts';
import { createOutputs } from './outputs/outputs.ts';
import { createPins } from './outputs/pins.ts';
import { createAdminRequests } from './runtime/admin-requests.ts';
import { createAdminSocket } from './runtime/admin-socket.ts';
import { ConfigEditor } from './runtime/config-editor.ts';
import { EventLoopDelay } from './runtime/event-loop-delay.ts';
import type { ConfigSource, Gateway } from './runtime/gateway.ts';
import { Health } from './runtime/health.ts';
import { HealthTopics } from './runtime/health-topics.ts';
import { IdleMemory } from './runtime/idle-memory.ts';
import { createOnlineTopic } from './runtime/online-topic.ts';
import { type PublishedForm, propertiesOf } from './runtime/own-messages.ts';
import { PowerFail } from './runtime/power-fail.ts';
import { createProgress } from './runtime/progress.ts';
import { Reload } from './runtime/reload.ts';
import { SupportBundle } from './runtime/support-bundle.ts';
import { createSystemd } from './runtime/systemd.ts';
import { askTimedatectl } from './runtime/time-sync.ts';
import { createWallClock } from './runtime/wall-clock.ts';
import { createSensors } from './sensors/sensors.ts';
import { asSimulated } from './simulation/mark.ts';
import { Store } from './store/store.ts';
import { metricsOf } from './uplink/sparkplug/metrics.ts';
import { createUplinks } from './uplink/uplinks.ts';

const JSON_FORM: PublishedForm = { payload: 'json' };
/** Owner of the states of alarms in the store; no sensor has this name. */
const ALARMS = '$alarms';
/** Owner of the last values of outputs. */
const OUTPUTS = '$outputs';

/** Owner of what was published for Home Assistant. */
const HOME_ASSISTANT = '$homeAssistant';

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
  source: ConfigSource,
): Promise<Gateway> {
  const { cell, data, payload, drivers } = config;
  const clock = systemClock;
  const services = new Services<Config>();

  const deferredMs = config.store.readingsWithin;
  const faults = new Faults(log, clock.monotonic);
  const alsoWritten = (): number => archive.bytesWritten;
  const store = new Store({
    ...{ folder: data, deferredMs, log, faults, alsoWritten, onFatal: endProcess },
  });
  const audit = new AuditLog({
    ...{ folder: data, log, now: clock.wall, config: sha256(source.text) },
  });
  const boot = (): number => store.bootNumber.value;
  const state = { of: (owner: string) => store.state.of(owner) };
  const access = new Access({ file: config.broker.access, log, now: clock.monotonic });
  access.onUsersChanged = (changes) => {
    for (const change of changes) void audit.note(change);
  };
  const broker = new Broker({ ...config.broker, store, clock, log, faults, access });
  const storedNow = (): number => store.storedClock.now();
  const publishOf =
    (qos: 0 | 1, retain: boolean) => (topic: string, bytes: Uint8Array, form?: PublishedForm) => {
      const ofForm = form && propertiesOf(form, storedNow);
      void broker.publishLocal({ topic, payload: bytes, qos, retain, ...ofForm });
    };
  const publishAs = config.simulate ? asSimulated(publishOf) : publishOf;
  const publish = publishAs(0, true);
  const publishResult = publishOf(1, false);
  const publishAlarm = publishAs(1, true);

  // Loaded only where the config asks for it.
  const models = config.simulate && (await import('./simulation/simulation.ts'));
  const simulation = models ? new models.Simulation(config, clock) : undefined;
  const buses = createBuses({
    log,
    gpio: simulation
      ? { use: 'simulated', backends: [simulation.backend] }
      : { use: config.gpio.backend },
  });
  const { files } = buses;
  const mutexOf = createKeyedMutex();
  const troubleLog = new TroubleLog(log, clock.monotonic);
  const common = { cell, boot, buses, clock, log, troubleLog };
  const onSet = (): void => store.bootNumber.clockIsRight(clock.wall(), store.journal);
  const wallClock = createWallClock({ clock, files, askTimedatectl, log, boot, state, onSet });
  const alarms = createAlarms({
    ...{ cell, boot, clock: { ...clock, wall: wallClock.now }, log, storedNow },
    sensors: config.sensors,
    state: { get: (key) => store.state.of(ALARMS).get(key) },
    store: (key, value) => store.state.setDurably(ALARMS, key, value),
    publish: (topic, bytes) =>
      publishAlarm(topic, bytes, bytes.length === 0 ? undefined : JSON_FORM),
    publishResult: (topic, result) => publishResult(topic, result, JSON_FORM),
    subscribe: (topic, receive) => broker.subscribeLocal(topic, receive),
  });
  const archive = new Archive({
    ...{ cell, folder: data, config, wallClock, log, faults },
    sensors: { status: () => sensors.status() },
  });
  const sensors = createSensors({
    ...{ ...common, sensors: config.sensors, drivers, mutexes: mutexOf, publish, state },
    clock: { ...clock, wall: wallClock.now },
    clockIsSet: wallClock.isSet,
    observe: (...sample) => {
      alarms.observe(...sample);
      archive.observe(...sample);
    },
    openInstead: simulation?.openSensor,
    publishResult: (topic, result) => publishResult(topic, result, JSON_FORM),
    subscribe: (topic, receive) => broker.subscribeLocal(topic, receive),
  });
  const outputs = createOutputs({
    ...{ ...common, outputs: config.outputs },
    pins: simulation?.pins ?? createPins({ drivers, buses, mutexOf }),
    publishReading: publish,
    publishResult: (topic, result) => publishResult(topic, result, JSON_FORM),
    follow: alarms.follow,
    last: {
      get: (name) => store.state.of(OUTPUTS).get(name),
      keep: (name, value) => store.state.setNow(OUTPUTS, name, value),
    },
    storedNow,
    subscribe: (topic, receive) => broker.subscribeLocal(topic, receive),
    isNamed: (topic) => broker.isNamed(topic),
  });
  const uplinks = createUplinks(
    {
      ...{ cell, store, broker, clock, log, faults, troubleLog },
      correct: (reading) => corrected(reading, wallClock.stepOf),
      onConnected: (connected) => outputs.uplinkChanged(connected),
    },
    config.uplinks,
    metricsOf(config),
  );
  const power =
    config.powerFail &&
    new PowerFail({ ...common, config: config.powerFail, payload, publish, outputs, store });

  const homeAssistant = new HomeAssistant({
    ...{ config, version, clock },
    published: {
      get: () => store.state.of(HOME_ASSISTANT).get('published'),
      set: (value) => store.state.setNow(HOME_ASSISTANT, 'published', value),
    },
    publish: (topic, bytes, retain) =>
      publishOf(1, retain)(topic, bytes, bytes.length === 0 ? undefined : JSON_FORM),
    retained: (topic) => broker.retainedPayload(topic),
    subscribe: (topic, receive) => broker.subscribeLocal(topic, receive),
  });

  const progress = createProgress({ store, sensors });
  const loop = new EventLoopDelay();
  const parts = {
    ...{ cell, version, store, broker, sensors, outputs, alarms, faults, simulation },
    uplinks: uplinks.all,
  };
  const health = new Health({ ...parts, progress, services });
  const history = new History({ ...parts, config: config.sensors, state, clock, wallClock });
  const reload = new Reload({ config, log, services, audit, text: source.text, load: source.load });
  const editor = new ConfigEditor({ source, reload });
  const support = new SupportBundle({ config: source.file });
  const answer = createAdminRequests({
    ...{ ...parts, health, uplinks: uplinks.purgeable, reload, tail },
  });
  // Loaded only where the config asks for it: without the page the gateway takes less memory.
  const http = config.http && (await import('./http/http.ts'));
  const page =
    config.http &&
    http &&
    new http.Http({
      ...parts,
      config: config.http,
      access,
      audit,
      editor,
      support,
      log,
      clock,
      tail,
      history,
      archive,
      health,
      progress,
      loopDelay: loop.delay,
    });

  // In the order of start. A reload brings them to another config in the same order.
  services.add(troubleLog);
  services.add(faults);
  services.add(store, async ({ store: { readingsWithin } }) => {
    store.journal.deferredMs = readingsWithin;
  });
  services.add(audit);
  services.add(loop);
  services.add(uplinks.outboxes);
  services.add(
    access,
    (next) => access.applyConfig(next.broker.access),
    () => access.configApplied(),
  );
  services.add(broker, (next) => broker.applyConfig(next.broker));
  services.add(createSysTopics({ broker, clock, version, faults }));
  services.add(createOnlineTopic(cell, publish));
  services.add(wallClock);
  services.add(
    uplinks.connections,
    (next) => uplinks.applyConfig(next.uplinks, metricsOf(next)),
    () => uplinks.configApplied(),
  );
  services.add({ name: 'buses', start: async () => undefined, stop: () => buses.close() });
  if (simulation) services.add(simulation, (next) => simulation.applyConfig(next));
  services.add(alarms, (next) => alarms.applyConfig(next.sensors));
  services.add(
    sensors,
    (next) => sensors.applyConfig(next.sensors, next.drivers),
    () => sensors.configApplied(),
  );
  services.add(archive, (next) => archive.applyConfig(next));
  services.add(outputs, (next) => outputs.applyConfig(next.outputs));
  services.add(
    homeAssistant,
    (next) => homeAssistant.applyConfig(next),
    () => homeAssistant.configApplied(),
  );
  if (power) services.add(power);
  services.add(createAdminSocket(data, answer, log));
  services.add(new HealthTopics({ ...parts, health }));
  if (page) {
    services.add(history, (next) => history.applyConfig(next.sensors));
    services.add(page);
  }
  services.add(new IdleMemory());
  services.add(createSystemd({ env: process.env, log, stuck: progress.stuck }));

  await services.start();
  log.info({ listeners: broker.urls, sensors: config.sensors.length }, `gateway of ${cell} is up`);
  return {
    urls: [...broker.urls, ...(page?.url ? [page.url] : [])],
    reload: () => reload.run(),
    async stop() {
      editor.stop();
      support.stop();
      await services.stop();
      log.info('gateway has stopped');
    },
  };
}
