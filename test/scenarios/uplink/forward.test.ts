import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GatewayOptions, startGateway, type TestGateway } from '../../support/gateway.ts';
import { type Collector, collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function plantOf(lines?: readonly string[]): Promise<TestPlant> {
  const plant = await startPlant(lines);
  ends.push(() => plant.dispose());
  return plant;
}

async function collectorOf(plant: TestPlant): Promise<Collector> {
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  return collector;
}

async function gatewayOf(
  plant: TestPlant,
  uplink: Readonly<Record<string, unknown>> = {},
  options: GatewayOptions = {},
): Promise<TestGateway> {
  const one = {
    name: 'plant',
    url: `mqtt://127.0.0.1:${plant.port}`,
    reconnectMax: '1s',
    keepalive: '5s',
    routes: [{ out: '#', to: 'plant/line4/' }],
    ...uplink,
  };
  const gateway = await startGateway({ ...options, config: { uplinks: [one] } });
  ends.push(() => gateway.dispose());
  return gateway;
}

async function clientOf(gateway: { readonly port: number }): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
    reconnectPeriod: 100,
  });
  client.on('error', () => undefined);
  ends.push(() => client.endAsync(true));
  return client;
}

/** What arrived on the LAN messages' topics, in order and each once. */
function seen({ arrivals }: Collector, topic: string): string[] {
  const payloads = arrivals.filter((each) => each.topic === topic).map(({ payload }) => payload);
  return [...new Set(payloads)];
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `${from + index}`);

describe.each([4, 5])('an uplink over MQTT level %i', (protocol) => {
  test('sends LAN messages and readings under the prefix, retained ones retained', async () => {
    const plant = await plantOf();
    const collector = await collectorOf(plant);
    const gateway = await gatewayOf(
      plant,
      { protocol },
      { sensors: [{ name: 'door', driver: 'simulated', signal: 'door', every: '100ms' }] },
    );
    const client = await clientOf(gateway);
    await client.publishAsync('robotcell1/a', 'zero', { qos: 0 });
    await client.publishAsync('robotcell1/a', 'one', { qos: 1, retain: true });
    await client.publishAsync('robotcell1/a', 'two', { qos: 2 });
    await collector.until(
      (all) =>
        all.some(({ topic }) => topic === 'plant/line4/robotcell1/door') &&
        all.some(({ payload }) => payload === 'two'),
    );
    expect(seen(collector, 'plant/line4/robotcell1/a')).toEqual(['zero', 'one', 'two']);
    expect(seen(collector, 'robotcell1/status')).toEqual(['online']);
    const late = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
    const retained = new Promise((resolve) => {
      late.on('message', (topic, payload) => resolve([topic, payload.toString()]));
    });
    await late.subscribeAsync('plant/line4/robotcell1/a');
    expect(await retained).toEqual(['plant/line4/robotcell1/a', 'one']);
    await late.endAsync(true);
  });

  test.each([1, 2] as const)(
    'keeps QoS %i over outages of the plant and the gateway',
    { timeout: 90_000 },
    async (qos) => {
      const plant = await plantOf();
      const collector = await collectorOf(plant);
      const routes = [{ out: '#', to: 'plant/', qos }];
      const gateway = await gatewayOf(plant, { protocol, routes });
      const client = await clientOf(gateway);
      const publish = (from: number, to: number) =>
        Promise.all(numbers(from, to).map((n) => client.publishAsync('t', n, { qos })));
      await publish(0, 100);
      await plant.stop();
      await publish(100, 400);
      await gateway.kill();
      await gateway.restart();
      await publish(400, 700);
      await plant.restart();
      await publish(700, 800);
      await gateway.kill();
      await gateway.restart();
      await publish(800, 900);
      await collector.until((all) => all.some(({ payload }) => payload === '899'));
      expect(seen(collector, 'plant/t')).toEqual(numbers(0, 900));
      if (qos === 2) {
        const all = collector.arrivals.filter(({ topic }) => topic === 'plant/t');
        expect(all.map(({ payload }) => payload)).toEqual(numbers(0, 900));
      }
    },
  );
});

test('says offline at the plant when it stops and when it is killed', async () => {
  const plant = await plantOf();
  const collector = await collectorOf(plant);
  const gateway = await gatewayOf(plant);
  const status = () =>
    collector.arrivals.filter(({ topic }) => topic === 'robotcell1/status').map((a) => a.payload);
  await collector.until(() => status().length === 1);
  await gateway.stop();
  await collector.until(() => status().length === 2);
  await gateway.restart();
  await collector.until(() => status().length === 3);
  await gateway.kill();
  await collector.until(() => status().length === 4);
  expect(status()).toEqual(['online', 'offline', 'online', 'offline']);
});
