import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Broker } from '../../../src/broker/broker.ts';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import { Uplink } from '../../../src/uplink/uplink.ts';
import { startBroker } from '../../support/broker.ts';
import { createFaults } from '../../support/faults.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const within = 30_000;
const ROUTES = [
  { out: 'up/#', to: 'plant/' },
  { in: 'cmd/#', strip: 'cmd/', to: 'local/', retain: 'keep' },
  { in: 'clear/#', strip: 'clear/', to: 'local/', retain: 'clear' },
];

/** An uplink to another broker, both in this process; `failing` topics throw when they are published here. */
async function setUp({ routes = ROUTES as readonly object[], failing = '' } = {}) {
  const plant = await startBroker(tempFolder());
  const { broker, store } = await startBroker(tempFolder());
  const configOf = (over: object = {}): UplinkConfig =>
    completeUplink(
      uplinkSchema.parse({
        ...{ name: 'plant', url: `mqtt://127.0.0.1:${plant.port}`, reconnectMax: '1s' },
        ...{ protocol: 4, routes, ...over },
      }),
      'cell',
    );
  const faults = createFaults();
  const { log, lines } = createQuietLog();
  const connected: boolean[] = [];
  const publishing = new Proxy(broker, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      if (key !== 'publishLocal') return value.bind(target);
      return (message: Parameters<Broker['publishLocal']>[0]) => {
        if (message.topic === failing) throw new Error('this one can not be published');
        return target.publishLocal(message);
      };
    },
  });
  const uplink = new Uplink({
    ...{ cell: 'cell', config: configOf(), store, broker: publishing },
    ...{ clock: systemClock, log, faults, random: () => 0 },
    onConnected: (is) => void connected.push(is),
  });
  uplink.open();
  onTestFinished(async () => {
    await uplink.disconnect();
    uplink.close();
  });
  const here: string[] = [];
  broker.subscribeLocal('local/#', ({ topic, payload }) => {
    here.push(`${topic} ${Buffer.from(payload)}`);
  });
  const there: string[] = [];
  plant.broker.subscribeLocal('plant/#', ({ topic, payload }) => {
    there.push(`${topic} ${Buffer.from(payload)}`);
  });
  const isConnected = () =>
    until('it is connected', () => uplink.status.state === 'connected', within);
  /** The plant publishes. */
  const command = (topic: string, payload = 'x', retain = false, qos: 0 | 1 | 2 = 1) =>
    plant.broker.publishLocal({ topic, payload: Buffer.from(payload), qos, retain });
  /** A part of the gateway publishes. */
  const reading = (topic: string, payload = 'x', retain = false) =>
    broker.publishLocal({ topic, payload: Buffer.from(payload), qos: 1, retain });
  const arrived = (count: number) =>
    until(`${count} arrived here`, () => here.length >= count, within);
  return {
    ...{ plant, broker, uplink, faults, lines, connected, here, there, configOf },
    ...{ isConnected, command, reading, arrived },
  };
}

async function connectedUplink(parts?: Parameters<typeof setUp>[0]) {
  const all = await setUp(parts);
  all.uplink.connect();
  await all.isConnected();
  return all;
}

describe('a message of the plant', () => {
  test('is published on the topic of its route, and counted', async () => {
    const { command, arrived, here, uplink } = await connectedUplink();
    for (const qos of [0, 1, 2] as const) await command(`cmd/a${qos}`, `${qos}`, false, qos);
    await arrived(3);
    expect(here.toSorted()).toEqual(['local/a0 0', 'local/a1 1', 'local/a2 2']);
    expect(uplink.status).toMatchObject({ received: 3, echoes: 0, deadLetters: 0 });
  });

  test('is not sent to a plant, whatever the routes say', async () => {
    const routes = [...ROUTES, { out: 'local/#', to: 'plant/' }];
    const { command, reading, arrived, there, uplink } = await connectedUplink({ routes });
    await command('cmd/a');
    await arrived(1);
    await reading('up/b');
    await until('the other one has arrived', () => there.length > 0, within);
    await until('nothing is queued', () => uplink.status.queued === 0, within);
    expect(there).toEqual(['plant/up/b x']);
  });

  test('that can not be published here is set aside, and the next one is taken', async () => {
    const routes = [{ in: 'cmd/#', strip: 'cmd/', to: '' }];
    const { command, broker, uplink } = await connectedUplink({ routes });
    const here: string[] = [];
    broker.subscribeLocal('ok/#', ({ topic }) => void here.push(topic));
    await command('cmd/$SYS/a');
    await command('cmd/ok/b');
    await until('the second one is here', () => here.length > 0, within);
    expect(uplink.status).toMatchObject({ received: 1, deadLetters: 1 });
    expect(uplink.status.state).toBe('connected');
  });

  test('on which the gateway fails is set aside with a fault, and the next one is taken', async () => {
    const { command, arrived, here, uplink, faults } = await connectedUplink({
      failing: 'local/bad',
    });
    await command('cmd/bad');
    await command('cmd/good');
    await arrived(1);
    await until('it is set aside', () => uplink.status.deadLetters === 1, within);
    expect(here).toEqual(['local/good x']);
    expect(faults.counts.receive).toBe(1);
    expect(uplink.status.state).toBe('connected');
  });
});

test('the state of the gateway is not sent by a route: the uplink publishes its own at the plant', async () => {
  const { reading, there, uplink } = await connectedUplink({
    routes: [{ out: '#', to: 'plant/' }],
  });
  await reading('cell/status', 'online', true);
  await reading('up/a');
  await until('the other one has arrived', () => there.includes('plant/up/a x'), within);
  await until('nothing is queued', () => uplink.status.queued === 0, within);
  expect(there.filter((message) => message.includes('cell/status'))).toEqual([]);
});

describe('a retained value', () => {
  test('of the plant stays retained here where the route keeps it', async () => {
    const { command, uplink, broker, isConnected } = await setUp();
    await command('cmd/kept', 'x', true);
    await command('clear/not', 'x', true);
    uplink.connect();
    await isConnected();
    await until('both came', () => uplink.status.received === 2, within);
    expect([
      broker.retainedPayload('local/kept') !== undefined,
      broker.retainedPayload('local/not') !== undefined,
    ]).toEqual([true, false]);
  });

  test('changes with the retained messages of a plant that sends a bridge their flag, and with no other', async () => {
    const { command, broker, arrived, here } = await connectedUplink();
    await command('cmd/a', 'live');
    await arrived(1);
    expect(broker.retainedPayload('local/a') !== undefined).toBe(false);
    await command('cmd/a', 'kept', true);
    await command('cmd/a', '', false);
    await arrived(3);
    expect([here, broker.retainedPayload('local/a') !== undefined]).toEqual([
      ['local/a live', 'local/a kept', 'local/a '],
      true,
    ]);
    await command('cmd/a', '', true);
    await arrived(4);
    expect(broker.retainedPayload('local/a') !== undefined).toBe(false);
  });

  test('is not replaced where the route clears the flag', async () => {
    const { command, broker, arrived } = await connectedUplink();
    await broker.publishLocal({
      ...{ topic: 'local/a', payload: Buffer.from('old'), qos: 1, retain: true },
    });
    await command('clear/a', '');
    await arrived(2);
    expect(broker.retainedPayload('local/a') !== undefined).toBe(true);
  });
});

describe('the connection', () => {
  test('is told when it begins and when it ends', async () => {
    const { uplink, connected } = await connectedUplink();
    expect(connected.at(-1)).toBe(true);
    await uplink.disconnect();
    expect([connected.at(-1), uplink.status.state]).toEqual([false, 'stopped']);
  });

  test('that can not be made is a trouble with its cause', async () => {
    const { uplink, plant, configOf } = await setUp();
    await plant.stop();
    expect(uplink.failures()).toEqual([]);
    uplink.connect();
    await until('it is down', () => uplink.status.state === 'down', within);
    const cause = `${configOf().urls[0]} refuses the connection: nothing listens there`;
    const shared = '127.0.0.1 refuses the connection: nothing listens there';
    expect(uplink.failures()).toEqual([{ kind: 'uplink', name: 'plant', cause, shared }]);
  });

  test('is made again only for settings that concern it', async () => {
    const { uplink, configOf, isConnected, connected, lines } = await connectedUplink();
    const before = connected.length;
    await uplink.applyConfig(configOf({ inflight: 7, live: 0.5, queue: { messages: 5 } }));
    expect([connected.length, uplink.status.state]).toEqual([before, 'connected']);
    await uplink.applyConfig(configOf({ keepalive: '45s' }));
    await isConnected();
    expect(connected.slice(before)).toContain(false);
    // A route of QoS 2 needs another probe of the session.
    const routes = [{ out: 'up/#', to: 'plant/', qos: 2 }, ...ROUTES.slice(1)];
    const then = connected.length;
    await uplink.applyConfig(configOf({ keepalive: '45s', routes }));
    await isConnected();
    expect(connected.slice(then)).toContain(false);
    expect(lines.some((line) => line.includes('fault'))).toBe(false);
  });
});

describe('another config', () => {
  test('sends what another route takes from then on, and no more what the former one took', async () => {
    const { uplink, configOf, reading, there, isConnected } = await connectedUplink();
    await reading('up/a');
    await uplink.applyConfig(configOf({ routes: [{ out: 'other/#', to: 'plant/' }] }));
    await isConnected();
    await reading('up/b');
    await reading('other/c');
    await until('it arrived', () => there.length >= 2, within);
    await until('nothing is queued', () => uplink.status.queued === 0, within);
    expect(there).toEqual(['plant/up/a x', 'plant/other/c x']);
  });

  test('parked, it neither queues nor sends; what is queued is sent after the next config', async () => {
    const { uplink, configOf, reading, there, isConnected } = await setUp();
    await reading('up/a');
    expect(uplink.status.queued).toBe(1);
    await uplink.park();
    await reading('up/b');
    expect([uplink.status.queued, uplink.status.state]).toEqual([1, 'stopped']);
    await uplink.applyConfig(configOf());
    await isConnected();
    await reading('up/c');
    await until('both arrived', () => there.length === 2, within);
    expect(there).toEqual(['plant/up/a x', 'plant/up/c x']);
  });

  test('purge discards what is queued', async () => {
    const { uplink, reading } = await setUp();
    for (const topic of ['up/a', 'up/b', 'other']) await reading(topic);
    expect([
      uplink.status.queued,
      await uplink.purge(() => undefined),
      uplink.status.queued,
    ]).toEqual([2, 2, 0]);
  });
});

test('a command of the gateway’s own that comes back is not published as one of the plant', async () => {
  // The plant copies what it receives, as a loop of bridges does.
  const routes = [
    { out: 'up/#', to: 'plant/', qos: 1 },
    { in: 'copy/#', strip: 'copy/', to: '' },
  ];
  const { uplink, plant, reading, here, there, command, broker } = await connectedUplink({
    routes,
  });
  broker.subscribeLocal('up/#', ({ payload }) => void here.push(`${Buffer.from(payload)}`));
  await reading('up/a', 'on');
  await until('it is there', () => there.length === 1, within);
  await plant.broker.publishLocal({
    ...{ topic: 'copy/up/a', payload: Buffer.from('on'), qos: 1, retain: false },
  });
  await until('it was recognised', () => uplink.status.echoes === 1, within);
  await command('copy/up/a', 'off');
  await until('another one is published', () => uplink.status.received === 1, within);
  expect(here).toEqual(['on', 'off']);
});
