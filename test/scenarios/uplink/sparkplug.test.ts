import { readFileSync, writeFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { startPlant, type TestPlant } from '../../support/plant.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { type SparkplugHost, startHost } from '../../support/sparkplug-host.ts';
import { statusWhen } from '../../support/statuses.ts';
import { tools } from '../../support/tools.ts';
import { waitFor } from '../../support/wait-for.ts';

const NAMES = { group: 'Plant1', node: 'robotcell1', host: 'scada1' };
const METRICS = ['robot/j1', 'robot/j2', 'press/force', 'ambient'];

const QUALITY = { name: 'Quality', type: 'Int32', value: 192 };

/** Readings that the broker of the cell has acknowledged: their times count from this one. */
const T0 = Date.UTC(2026, 0, 1);
let plant: TestPlant;
let proxy: TestProxy;
let host: SparkplugHost;
let gateway: TestGateway;
let lan: mqtt.MqttClient;
let published = 0;
/** The numbers of the readings that were published while nothing could be sent. */
const held = new Set<number>();

/** Readings in place of slow sensors: each with QoS 1, so that it is on disk for the plant when this resolves. */
async function publish(count: number, isHeld = false): Promise<void> {
  const all = Array.from({ length: count }, () => {
    const n = published++;
    if (isHeld) held.add(n);
    const reading = {
      ...{ value: n, unit: 'mm', quality: 'good' },
      ...{ time: new Date(T0 + n).toISOString(), boot: 1, seq: n },
    };
    const topic = `robotcell1/${METRICS[n % METRICS.length]}`;
    return lan.publishAsync(topic, JSON.stringify(reading), { qos: 1, retain: true });
  });
  await Promise.all(all);
}

/** Resolves when the uplink gives this reason for not being connected. */
async function reasonIs(words: string): Promise<void> {
  await statusWhen(gateway.port, ({ reason }) => reason?.includes(words) ?? false, 20_000, 'scada');
}

/** Resolves when the host has all values that were published. */
async function allThere(): Promise<void> {
  await waitFor(() => expect(missing()).toEqual([]));
}

function missing(): number[] {
  const there = new Set(host.values.map(({ timestamp }) => timestamp - T0));
  const all = Array.from({ length: published }, (_, n) => n).filter((n) => !there.has(n));
  // The first and their number tell enough.
  return all.length > 10 ? [...all.slice(0, 10), all.length] : all;
}

describe.skipIf(!tools.mosquitto)('an edge node and its primary host', () => {
  beforeAll(async () => {
    plant = await startPlant();
    proxy = await startProxy(plant.port);
    host = await startHost(plant.port, NAMES);
    gateway = await startGateway({
      sensors: [
        {
          name: 'robot',
          driver: 'simulated',
          signal: 'joint-temperature',
          every: '1h',
          channels: ['j1', 'j2'],
        },
        { name: 'press', driver: 'simulated', signal: 'gripper', every: '1h' },
        { name: 'ambient', driver: 'thermal', every: '1h' },
      ],
      config: {
        gpio: { backend: 'simulated' },
        outputs: [{ name: 'stacklight/red', driver: 'digital-output', line: 'GPIO17' }],
        uplinks: [
          {
            ...{ name: 'scada', url: `mqtt://127.0.0.1:${proxy.port}`, reconnectMax: '1s' },
            sparkplug: { group: NAMES.group, node: NAMES.node, primaryHost: NAMES.host },
          },
        ],
      },
    });
    lan = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, { reconnectPeriod: 50 });
  }, 60_000);
  afterAll(async () => {
    await lan?.endAsync(true);
    await gateway?.dispose();
    await host?.client.endAsync(true);
    await proxy?.close();
    await plant?.dispose();
  });

  test('births name every metric with its value, unit and quality; data follow over the wrap of seq', async () => {
    await waitFor(() => expect(host.of('DBIRTH')).toHaveLength(3));
    const [birth] = host.of('NBIRTH');
    expect(birth?.payload.metrics.map(({ name }) => name)).toEqual([
      ...['bdSeq', 'Node Control/Rebirth', 'ambient'],
    ]);
    const [robot, , stacklight] = host.of('DBIRTH');
    expect(robot?.payload.metrics).toMatchObject([
      { name: 'j1', type: 'Double', properties: [{ name: 'engUnit', value: '°C' }, QUALITY, {}] },
      { name: 'j2', type: 'Double' },
    ]);
    expect(stacklight?.payload.metrics).toMatchObject([
      { name: 'red', type: 'Boolean', value: false },
    ]);
    // Two metrics of one device may share a message.
    await publish(3 * 256);
    await allThere();
    const data = [...host.of('NDATA'), ...host.of('DDATA')];
    expect(data.length).toBeGreaterThanOrEqual(2 * 256);
    expect(host.violations).toEqual([]);
  });

  test('nothing is sent while the host is offline, afterwards what was kept, as historical and in order', async () => {
    const before = host.messages.length;
    await host.state(false);
    await waitFor(() => expect(host.isDead).toBe(true));
    await publish(200, true);
    // It connects again and waits: an address that answers shows that.
    await reasonIs('waits for the primary host scada1');
    await host.state(true);
    await allThere();
    // A plant of MQTT 5 repeats the certificate of death: the specification asks for the will at DISCONNECT.
    const types = host.messages.slice(before).map(({ type }) => type);
    expect(types.filter((type) => type !== 'NDEATH')[0]).toBe('NBIRTH');
    expect(host.violations).toEqual([]);
  });

  test('an old STATE of a host does not count', async () => {
    await host.state(false, Date.now() - 60_000);
    await publish(20);
    await allThere();
    await host.state(true);
    expect(host.isDead).toBe(false);
    expect(host.violations).toEqual([]);
  });

  test('a line that is cut loses nothing', async () => {
    const running = publish(300);
    proxy.cut();
    await running;
    proxy.refuse(true);
    proxy.cut();
    await waitFor(() => expect(host.isDead).toBe(true));
    await publish(100, true);
    proxy.refuse(false);
    await allThere();
    expect(host.violations).toEqual([]);
  });

  test('a gateway that is killed loses nothing, and goes on with the next bdSeq', async () => {
    const births = host.births.length;
    await publish(300);
    await gateway.kill();

    await gateway.restart();

    await waitFor(() => expect(lan.connected).toBe(true));
    await publish(20);
    await allThere();
    expect(host.births.length).toBeGreaterThan(births);
    expect(host.violations).toEqual([]);
  });

  test('a plant that is killed loses nothing', async () => {
    const births = host.births.length;
    await plant.kill();
    await publish(100, true);
    await plant.restart();
    await allThere();
    expect(host.births.length).toBeGreaterThan(births);
    expect(host.violations).toEqual([]);
  });

  test('a host that asks for births 100 times a second gets one a second', async () => {
    const before = host.of('NBIRTH').length;
    const began = performance.now();
    for (let asked = 0; asked < 200; asked++) {
      await host.rebirth();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await publish(20);
    await allThere();
    const seconds = (performance.now() - began) / 1000;
    const births = host.of('NBIRTH').slice(before);
    expect(births.length).toBeGreaterThanOrEqual(2);
    expect(births.length).toBeLessThanOrEqual(Math.floor(seconds) + 2);
    expect(host.violations).toEqual([]);
  });

  test('a host switches an output, and what it can not write is refused', async () => {
    const red = () => host.values.filter(({ metric }) => metric === 'stacklight/red').at(-1)?.value;
    expect(red()).toBe(false);
    await host.command('robot', [{ name: 'j1', type: 'Double', value: 7 }]);
    await host.command('stacklight', [{ name: 'red', type: 'Boolean', value: true }]);
    await waitFor(() => expect(red()).toBe(true));
    expect(gateway.stdout()).toContain('DCMD to robot: j1 can only be read');
    expect(host.violations).toEqual([]);
  });

  test('a reload with another sensor brings births with it, on the same connection', async () => {
    const births = host.births.length;
    const config = parse(readFileSync(gateway.configFile, 'utf8'));
    config.sensors.push({ name: 'door', driver: 'simulated', signal: 'door', every: '1h' });
    writeFileSync(gateway.configFile, stringify(config));
    process.kill(gateway.pid, 'SIGHUP');
    const names = () =>
      host
        .of('NBIRTH')
        .at(-1)
        ?.payload.metrics.map(({ name }) => name);
    await waitFor(() => expect(names()).toContain('door'));
    expect(host.births).toHaveLength(births);
    expect(host.violations).toEqual([]);
  });

  test('a gateway that stops says so', async () => {
    await lan.endAsync(true);
    await gateway.stop();
    await waitFor(() => expect(host.isDead).toBe(true));
  });

  test('over all of it each value arrived once after duplicates by time, those of outages as historical', () => {
    expect(missing()).toEqual([]);
    const data = host.values.filter(({ timestamp, inBirth }) => !inBirth && timestamp < T0 + 1e6);
    const wrong = data.filter(({ metric, value, timestamp }) => {
      const n = timestamp - T0;
      return value !== n || metric !== METRICS[n % METRICS.length];
    });
    expect(wrong).toEqual([]);
    const live = data.filter(
      ({ timestamp, historical }) => held.has(timestamp - T0) && !historical,
    );
    expect(live).toEqual([]);
    for (const metric of METRICS) {
      const once = [
        ...new Set(data.filter((one) => one.metric === metric).map((one) => one.timestamp)),
      ];
      expect(once).toEqual(once.toSorted((a, b) => a - b));
    }
    expect(host.violations).toEqual([]);
  });
});
