import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { type Collector, collect, startPlant } from '../../support/plant.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { run } from '../../support/run.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Bench {
  readonly gateway: TestGateway;
  readonly client: MqttClient;
  readonly collector: Collector;
  readonly proxy: TestProxy;
}

/** A gateway whose plant can't be reached until `proxy.refuse(false)`. */
async function bench(
  uplink: Readonly<Record<string, unknown>>,
  sensors: readonly Readonly<Record<string, unknown>>[] = [],
): Promise<Bench> {
  const plant = await startPlant();
  ends.push(() => plant.dispose());
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  const proxy = await startProxy(plant.port);
  ends.push(() => proxy.close());
  proxy.refuse(true);
  const gateway = await startGateway({
    sensors,
    config: {
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${proxy.port}`,
          reconnectMax: '1s',
          routes: [{ out: '#', to: 'p/' }],
          ...uplink,
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  client.on('error', () => undefined);
  ends.push(() => client.endAsync(true));
  return { gateway, client, collector, proxy };
}

const lan = ({ arrivals }: Collector) =>
  arrivals.filter(({ topic }) => topic.startsWith('p/')).map(({ payload }) => payload);

const dropped = (status: Readonly<Record<string, unknown>>): number =>
  Object.values(status.dropped as Readonly<Record<string, number>>).reduce((a, b) => a + b, 0);

describe('a full queue', () => {
  test.each([
    ['drop-oldest', 100, 1000],
    ['drop-newest', 100, 1000],
    ['drop-oldest', 2000, 6000],
    ['drop-newest', 2000, 6000],
  ] as const)('%s of %i keeps exactly those of %i, counts the rest', async (full, limit, count) => {
    const { gateway, client, collector, proxy } = await bench({ queue: { messages: limit, full } });
    const sending = Array.from({ length: count }, (_, n) =>
      client.publishAsync(`t/${n % 7}`, `${n}`, { qos: 1 }),
    );
    await Promise.all(sending);
    const status = await statusWhen(gateway.port, (each) => dropped(each) >= count - limit);
    expect([status.queued, dropped(status)]).toEqual([limit, count - limit]);
    proxy.refuse(false);
    await collector.until(
      (all) => all.filter(({ topic }) => topic !== 'robotcell1/status').length >= limit,
    );
    const first = full === 'drop-oldest' ? count - limit : 0;
    expect(lan(collector).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: limit }, (_, n) => `${first + n}`),
    );
  });

  test.each([
    [200, 1000],
    [2000, 8000],
  ])('latest-per-topic of %i keeps the newest of each topic of %i', async (limit, count) => {
    const { gateway, client, collector, proxy } = await bench({
      queue: { messages: limit, full: 'latest-per-topic' },
    });
    const rare = Array.from({ length: 50 }, (_, n) => `rare/${n}`);
    await Promise.all(rare.map((topic) => client.publishAsync(topic, topic, { qos: 1 })));
    for (let n = 0; n < count; n += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, k) =>
          client.publishAsync(`t/${(n + k) % 20}`, `${n + k}`, { qos: 1 }),
        ),
      );
    }
    const status = await statusWhen(gateway.port, (each) => dropped(each) >= count + 50 - limit);
    expect([status.queued, dropped(status)]).toEqual([limit, count + 50 - limit]);
    proxy.refuse(false);
    await collector.until(
      (all) => all.filter(({ topic }) => topic.startsWith('p/')).length >= limit,
    );
    const got = lan(collector);
    expect(new Set(got).size).toBe(limit);
    expect(got).toEqual(expect.arrayContaining(rare));
    expect(got).toEqual(
      expect.arrayContaining(Array.from({ length: limit - 50 }, (_, n) => `${count - 1 - n}`)),
    );
  });

  test('has bytes and age for bounds too, for a route of its own', async () => {
    const { gateway, client } = await bench({
      routes: [
        { out: '#', to: 'p/' },
        { out: 'small/#', to: 'p/', queue: { bytes: '10KiB' } },
        { out: 'short/#', to: 'p/', queue: { age: '1s' } },
      ],
    });
    for (let n = 0; n < 20; n++) await client.publishAsync('small/a', 'x'.repeat(1015), { qos: 1 });
    for (let n = 0; n < 5; n++) await client.publishAsync('short/a', 'x', { qos: 1 });
    await client.publishAsync('a', 'x', { qos: 1 });
    const status = await statusWhen(gateway.port, ({ queued }) => queued === 11, 20_000);
    expect(status.dropped).toEqual({ 'small/# queue-full': 10, 'short/# expired': 5 });
  });
});

test('what is urgent overtakes the backlog, a drain rate holds the rest back', async () => {
  const { client, collector, proxy } = await bench({
    drainRate: 500,
    routes: [
      { out: '#', to: 'p/' },
      { out: 'alarm/#', to: 'p/', priority: 'high' },
    ],
  });
  await Promise.all(
    Array.from({ length: 2000 }, (_, n) => client.publishAsync('t', `${n}`, { qos: 1 })),
  );
  await client.publishAsync('alarm/a', 'old', { qos: 1 });
  proxy.refuse(false);
  await collector.until((all) => all.some(({ payload }) => payload === '200'));
  const at = performance.now();
  await client.publishAsync('alarm/a', 'new', { qos: 1 });
  await collector.until((all) => all.some(({ payload }) => payload === 'new'));
  expect(performance.now() - at).toBeLessThan(1000);
  const got = lan(collector);
  expect(got[0]).toBe('old');
  expect(got.length).toBeLessThan(1500);
  const first = collector.arrivals.find(({ payload }) => payload === '0')?.at ?? 0;
  await collector.until((all) => all.some(({ payload }) => payload === '1999'));
  expect(performance.now() - first).toBeGreaterThan(2500);
});

test('an alarm of a sensor overtakes what was queued before it', async () => {
  const alarm = { name: 'warm', channel: 'j1', above: -100, delay: '2s', severity: 'high' };
  const joint = { name: 'joint', driver: 'simulated', signal: 'joint-temperature', every: '200ms' };
  const routes = [
    { out: '#', to: 'p/' },
    { out: '+/alarm/#', to: 'p/', priority: 'high' },
  ];
  const { gateway, client, collector, proxy } = await bench({ routes }, [
    { ...joint, alarms: [alarm] },
  ]);
  const queued = Array.from({ length: 500 }, (_, n) => `before/${n}`);
  await Promise.all(queued.map((topic) => client.publishAsync(topic, 'x', { qos: 1 })));
  const active = new Promise<void>((resolve) => {
    client.on('message', (_topic, payload) => payload.includes('"active"') && resolve());
  });
  await client.subscribeAsync('robotcell1/alarm/joint/warm', { qos: 1 });
  await active;
  await statusWhen(gateway.port, ({ queued: count }) => Number(count) > queued.length);
  proxy.refuse(false);
  await collector.until((all) => all.some(({ topic }) => topic === 'p/before/499'));
  const topics = collector.arrivals.map(({ topic }) => topic);
  const isActive = ({ topic, payload }: { topic: string; payload: string }): boolean =>
    topic === 'p/robotcell1/alarm/joint/warm' && payload.includes('"active"');
  const at = collector.arrivals.findIndex(isActive);
  expect(at).toBeGreaterThanOrEqual(0);
  expect(at).toBeLessThan(topics.indexOf('p/before/0'));
});

test('with a live share new messages do not wait for the backlog', async () => {
  const { client, collector, proxy } = await bench({ live: 0.5, drainRate: 200 });
  await Promise.all(
    Array.from({ length: 1000 }, (_, n) => client.publishAsync('t', `${n}`, { qos: 1 })),
  );
  proxy.refuse(false);
  await collector.until((all) => all.some(({ payload }) => payload === '10'));
  await client.publishAsync('t', 'live', { qos: 1 });
  await collector.until((all) => all.some(({ payload }) => payload === 'live'));
  expect(lan(collector)).not.toContain('999');
});

test.each([4, 5])(
  'over MQTT level %i a message that is too large for the plant goes to the dead letters, the next one through',
  {
    timeout: 60_000,
  },
  async (protocol) => {
    const plant = await startPlant(['max_packet_size 2000']);
    ends.push(() => plant.dispose());
    const collector = await collect(plant.port);
    ends.push(() => collector.close());
    const gateway = await startGateway({
      config: {
        uplinks: [
          {
            name: 'plant',
            url: `mqtt://127.0.0.1:${plant.port}`,
            protocol,
            reconnectMax: '1s',
            routes: [{ out: '#', to: 'p/' }],
          },
        ],
      },
    });
    ends.push(() => gateway.dispose());
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
    ends.push(() => client.endAsync(true));
    await client.publishAsync('t', 'before', { qos: 1 });
    // With its acknowledgement lost, it would be sent again.
    await statusWhen(gateway.port, ({ queued, sent }) => queued === 0 && Number(sent) > 0);
    await client.publishAsync('t', 'x'.repeat(5000), { qos: 1 });
    await client.publishAsync('t', 'small', { qos: 1 });
    // MQTT 3.1.1 has no words for it: it takes some connections to find out.
    await collector.until((all) => all.some(({ payload }) => payload === 'small'), 45_000);
    expect(lan(collector).filter((payload) => payload !== 'online')).toEqual(['before', 'small']);
    const status = await statusWhen(gateway.port, ({ deadLetters }) => deadLetters === 1);
    expect(status.dropped).toEqual({ '# refused': 1 });
    // The refused ones are deleted while the gateway runs.
    const cli = `${REPOSITORY}/dist/program/cli.js`;
    const queue = (...words: string[]) =>
      run(process.execPath, [cli, 'queue', ...words, '--config', gateway.configFile]);
    const purged = await queue('purge', '--yes', '--session', 'refused/plant');
    expect(purged).toMatchObject({ code: 0, stdout: '1 messages deleted\n' });
    expect((await queue('list')).stdout).not.toContain('refused/plant');
  },
);
