import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { TroubleEvent, TroubleLog } from '../../../src/base/trouble-log.ts';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import { createUplinks } from '../../../src/uplink/uplinks.ts';
import { startBroker } from '../../support/broker.ts';
import { createFaults } from '../../support/faults.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

/** Uplinks of a broker to another broker, both in this process. */
async function setUp(troubleLog?: TroubleLog) {
  const plant = await startBroker(tempFolder());
  const { broker, store } = await startBroker(tempFolder());
  const attach = broker.attach.bind(broker);
  broker.attach = (filter, subscriber) => {
    if (filter === 'broken/#') throw new Error('no such filter');
    return attach(filter, subscriber);
  };
  const configOf = (name: string, over: object = {}): UplinkConfig =>
    completeUplink(
      uplinkSchema.parse({
        ...{ name, url: `mqtt://127.0.0.1:${plant.port}`, reconnectMax: '1s', protocol: 4 },
        ...{ routes: [{ out: 'up/#', to: 'plant/' }], ...over },
      }),
      'cell',
    );
  const { log } = createQuietLog();
  const faults = createFaults();
  const parts = { cell: 'cell', store, broker, clock: systemClock, log, faults, troubleLog };
  const uplinks = createUplinks(parts, [configOf('a')]);
  await uplinks.outboxes.start();
  await uplinks.connections.start();
  onTestFinished(async () => {
    await uplinks.connections.stop();
    await uplinks.outboxes.stop();
  });
  const isConnected = (name: string) =>
    until(`${name} is connected`, () =>
      uplinks.all().some((one) => one.name === name && one.status.state === 'connected'),
    );
  await isConnected('a');
  const seen: string[] = [];
  plant.broker.subscribeLocal('plant/#', ({ payload }) =>
    seen.push(Buffer.from(payload).toString()),
  );
  const publish = (payload: string) =>
    broker.publishLocal({ topic: 'up/x', payload: Buffer.from(payload), qos: 1, retain: false });
  return { plant, broker, uplinks, configOf, isConnected, publish, seen };
}

test('an uplink that was removed and is added again with the same settings connects and sends', async () => {
  const { uplinks, configOf, isConnected, publish, seen } = await setUp();
  await publish('before');
  await until('it has arrived', () => seen.length === 1);
  await uplinks.applyConfig([]);
  await publish('not for the plant');
  await uplinks.applyConfig([configOf('a')]);
  await isConnected('a');
  await publish('after');
  await until('it has arrived', () => seen.length === 2);
  expect(seen).toEqual(['before', 'after']);
  // From then on a change that does not concern the connection leaves it alone.
  await uplinks.applyConfig([configOf('a', { inflight: 7 })]);
  expect(uplinks.all()[0]?.status.state).toBe('connected');
});

test('an uplink that is added again with other settings has one connection', async () => {
  const { plant, uplinks, configOf, isConnected, publish, seen } = await setUp();
  await uplinks.applyConfig([]);
  await uplinks.applyConfig([configOf('a', { keepalive: '45s' })]);
  await isConnected('a');
  // Two connections with one client id would end each other again and again.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(uplinks.all()[0]?.status).toMatchObject({ state: 'connected', reconnects: 0 });
  await publish('after');
  await until('it has arrived', () => seen.length === 1);
  expect(plant.broker.counts.connected).toBe(1);
});

test('the begin and the end of a failure go to the log of troubles', async () => {
  const events: string[] = [];
  const note =
    (what: string) =>
    ({ kind, name, cause, shared }: TroubleEvent) =>
      void events.push(
        `${what} ${kind} ${name}: ${cause.replace(/:\d+/, '')} (${shared === cause})`,
      );
  const log = { began: note('began'), ended: note('ended') } as unknown as TroubleLog;
  const { plant } = await setUp(log);
  expect(events).toEqual(['ended uplink a: connected to mqtt://127.0.0.1: messages flow (true)']);
  await plant.stop();
  const other = await setUp(log);
  await other.uplinks.applyConfig([
    other.configOf('down', { url: `mqtt://127.0.0.1:${plant.port}` }),
  ]);
  await until('it is down', () => events.some((event) => event.startsWith('began uplink down')));
  expect(events).toContain(
    'began uplink down: mqtt://127.0.0.1 refuses the connection: nothing listens there (false)',
  );
});

test('an uplink is removed while it has no connection, and added again twice', async () => {
  const { uplinks, configOf, isConnected } = await setUp();
  for (let time = 0; time < 2; time++) {
    await uplinks.applyConfig([]);
    await uplinks.applyConfig([]);
    await uplinks.applyConfig([configOf('a')]);
    await uplinks.applyConfig([configOf('a')]);
    await isConnected('a');
  }
});

test('while a reload removes one uplink and adds another, the list has no gap', async () => {
  const { uplinks, configOf, isConnected } = await setUp();
  const reload = uplinks.applyConfig([configOf('b')]);
  expect(uplinks.all().map(({ status }) => status.name)).not.toContain(undefined);
  await reload;
  await isConnected('b');
  expect(uplinks.all().map(({ name }) => name)).toEqual(['b']);
});

describe('messages for an uplink that is not in the config', () => {
  const config = (): UplinkConfig =>
    completeUplink(
      uplinkSchema.parse({
        ...{ name: 'gone', url: 'mqtt://127.0.0.1:9' },
        routes: [{ out: 'up/#', to: 'p/', queue: { messages: 10 } }],
      }),
      'cell',
    );
  const sentence =
    '1 messages wait for uplinks that are not in the config (gone): add the uplink again, or cellgate queue purge --session uplink/gone';

  async function start(folder: string, configs: readonly UplinkConfig[]) {
    const { broker, store, stop: stopBroker } = await startBroker(folder);
    const { log } = createQuietLog();
    const parts = { cell: 'cell', store, broker, clock: systemClock, log, faults: createFaults() };
    const uplinks = createUplinks(parts, configs);
    await uplinks.outboxes.start();
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopped ??= uplinks.outboxes.stop().then(stopBroker);
      return stopped;
    };
    onTestFinished(stop);
    const publish = () =>
      broker.publishLocal({ topic: 'up/x', payload: Buffer.from('x'), qos: 1, retain: false });
    const troubles = () => uplinks.connections.troubles?.() ?? [];
    const purge = (name: string) =>
      uplinks
        .purgeable()
        .find((one) => one.name === name)
        ?.purge(() => undefined);
    return { uplinks, store, stop, publish, troubles, purge };
  }

  test('are a trouble until they are purged, also after a restart', async () => {
    const folder = tempFolder();
    const first = await start(folder, [config()]);
    await first.publish();
    await first.uplinks.applyConfig([]);
    first.uplinks.configApplied();
    expect(first.troubles()).toEqual([sentence]);
    await first.stop();
    const second = await start(folder, []);
    expect(second.troubles()).toEqual([sentence]);
    expect(await second.purge('gone')).toBe(1);
    expect([second.troubles(), second.uplinks.purgeable()]).toEqual([[], []]);
    await second.stop();
    const third = await start(folder, []);
    expect(third.store.recovered.sessions).toEqual([]);
  });

  test('are there when the uplink is added again', async () => {
    const folder = tempFolder();
    const first = await start(folder, [config()]);
    await first.publish();
    await first.stop();
    const second = await start(folder, []);
    await second.uplinks.applyConfig([config()]);
    second.uplinks.configApplied();
    expect([second.uplinks.all()[0]?.status.queued, second.troubles()]).toEqual([1, []]);
  });

  test('that a reload has removed and that has none, nothing is left', async () => {
    const { uplinks, store, purge, publish } = await start(tempFolder(), [config()]);
    await publish();
    await uplinks.applyConfig([]);
    // A reload that is undone ends nothing.
    await uplinks.applyConfig([config()]);
    uplinks.configApplied();
    expect(uplinks.all()[0]?.status.queued).toBe(1);
    await uplinks.applyConfig([]);
    uplinks.configApplied();
    expect(await purge('gone')).toBe(1);
    for (let n = 0; n < 20; n++) {
      await uplinks.applyConfig([{ ...config(), name: `other${n}` }]);
      uplinks.configApplied();
    }
    await uplinks.applyConfig([]);
    uplinks.configApplied();
    await store.journal.flush();
    expect(uplinks.purgeable()).toEqual([]);
  });
});

describe('a reload that an uplink can not follow', () => {
  /** A route that this broker does not take. */
  const withBroken = (config: UplinkConfig): UplinkConfig => ({
    ...config,
    out: [{ ...config.out[0]!, out: 'broken/#' }],
  });

  test('leaves the uplink connected with its former settings, and a later one works', async () => {
    const { uplinks, configOf, isConnected, publish, seen } = await setUp();
    const broken = [withBroken(configOf('a', { keepalive: '45s' }))];
    await expect(uplinks.applyConfig(broken)).rejects.toThrow(/no such filter/);
    await uplinks.applyConfig([configOf('a')]);
    await isConnected('a');
    await publish('with the former settings');
    await until('it has arrived', () => seen.length === 1);
    await uplinks.applyConfig([configOf('a', { keepalive: '50s' })]);
    await isConnected('a');
    expect(uplinks.all()[0]?.status.reconnects).toBe(0);
  });

  test('leaves nothing of an uplink that is new in it, and a later one adds that', async () => {
    const { plant, uplinks, configOf, isConnected, publish, seen } = await setUp();
    const broken = [configOf('a'), withBroken(configOf('b'))];
    await expect(uplinks.applyConfig(broken)).rejects.toThrow(/no such filter/);
    await uplinks.applyConfig([configOf('a')]);
    expect(uplinks.all().map(({ name }) => name)).toEqual(['a']);
    await isConnected('a');
    expect(plant.broker.counts.connected).toBe(1);
    const added = configOf('b', { routes: [{ out: 'up/#', to: 'plant/b/' }] });
    await uplinks.applyConfig([configOf('a'), added]);
    await isConnected('b');
    await publish('to both');
    await until('it has arrived twice', () => seen.length === 2);
    expect(plant.broker.counts.connected).toBe(2);
  });

  test('leaves an uplink that is removed in it connected', async () => {
    const { uplinks, configOf, isConnected, publish, seen } = await setUp();
    const broken = [withBroken(configOf('b'))];
    await expect(uplinks.applyConfig(broken)).rejects.toThrow(/no such filter/);
    await uplinks.applyConfig([configOf('a')]);
    await isConnected('a');
    await publish('still');
    await until('it has arrived', () => seen.length === 1);
  });
});
