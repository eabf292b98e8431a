import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { collect, startPlant } from '../../support/plant.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What an MQTT 5 plant does not take of the gateway's will, its status and its messages. */
test.each([
  ['no retained messages', ['retain_available false']],
  ['no QoS 2', ['max_qos 1']],
  ['no QoS 1 and 2', ['max_qos 0']],
  ['neither', ['max_qos 0', 'retain_available false']],
])('a plant that takes %s is connected, and gets every message', async (_what, lines) => {
  const plant = await startPlant(lines);
  ends.push(() => plant.dispose());
  const collector = await collect(plant.port, '#', 1);
  ends.push(() => collector.close());
  const gateway = await startGateway({
    config: {
      uplinks: [
        {
          ...{ name: 'plant', url: `mqtt://127.0.0.1:${plant.port}`, reconnectMax: '1s' },
          ...{ protocol: 5, routes: [{ out: '#', to: 'plant/', qos: 2 }] },
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  ends.push(() => client.endAsync(true));
  for (const qos of [0, 1, 2] as const) {
    await client.publishAsync('t', `${qos}`, { qos, retain: true });
  }
  const payloads = (): string[] =>
    collector.arrivals.filter(({ topic }) => topic === 'plant/t').map(({ payload }) => payload);
  await collector.until(() => payloads().includes('2'));
  await collector.until(() => payloads().length >= 3);
  // Messages of different QoS may overtake each other.
  expect(payloads().sort()).toEqual(['0', '1', '2']);
  const { deadLetters, reason } = await statusWhen(gateway.port, ({ queued }) => queued === 0);
  expect([deadLetters, reason]).toEqual([0, null]);
  await gateway.kill();
  await collector.until((all) => all.some(({ payload }) => payload === 'offline'));
});
