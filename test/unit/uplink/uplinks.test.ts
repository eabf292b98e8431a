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

describe('a reload that an uplink can not follow', () => {
  /** More queues than one uplink has packet identifiers for; the check of the config takes no such routes. */
  const withTooMany = (config: UplinkConfig): UplinkConfig => ({
    ...config,
    out: Array.from({ length: 40 }, (_, n) => ({
      ...config.out[0]!,
      ...{ out: `own${n}/#`, queue: config.queue },
    })),
  });

  test('leaves the uplink connected with its former settings, and a later one works', async () => {
    const { uplinks, configOf, isConnected, publish, seen } = await setUp();
    const broken = [withTooMany(configOf('a', { keepalive: '45s' }))];
    await expect(uplinks.applyConfig(broken)).rejects.toThrow(/too many queues/);
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
    const broken = [configOf('a'), withTooMany(configOf('b'))];
    await expect(uplinks.applyConfig(broken)).rejects.toThrow(/too many queues/);
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
    const broken = [withTooMany(configOf('b'))];
    await expect(uplinks.applyConfig(broken)).rejects.toThrow(/too many queues/);
    await uplinks.applyConfig([configOf('a')]);
    await isConnected('a');
    await publish('still');
    await until('it has arrived', () => seen.length === 1);
  });
});
