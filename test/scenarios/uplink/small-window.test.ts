/** Mosquitto takes 20 messages at once from a client with MQTT 5, by its default. */
import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { startPlant } from '../../support/plant.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const MESSAGES = 4000;
/** An uplink that waits for TCP's late acknowledgements sends 400 messages a second, a tenth of the other one. */
const SLOWER = 4;

test('an uplink with MQTT 5 is not much slower than one with MQTT 3.1.1 and its larger window', async () => {
  const plant = await startPlant(['max_inflight_messages 20']);
  ends.push(() => plant.dispose());
  const uplink = (protocol: 4 | 5) => ({
    ...{ name: `level${protocol}`, url: `mqtt://127.0.0.1:${plant.port}`, protocol },
    ...{ clientId: `level${protocol}`, routes: [{ out: 'part/#', to: `${protocol}/`, qos: 1 }] },
  });
  const gateway = await startGateway({ config: { uplinks: [uplink(4), uplink(5)] } });
  ends.push(() => gateway.dispose());
  const arrivals = { 4: 0, 5: 0 };
  const lastMs = { 4: 0, 5: 0 };
  for (const level of [4, 5]) {
    const isConnected = ({ state }: { state: string }) => state === 'connected';
    await statusWhen(gateway.port, isConnected, 15_000, `level${level}`);
  }
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  ends.push(() => client.endAsync(true));
  const began = performance.now();
  const plantClient = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
  ends.push(() => plantClient.endAsync(true));
  const all = new Promise<void>((resolve) => {
    plantClient.on('message', (topic) => {
      const level = topic.startsWith('4/') ? 4 : 5;
      lastMs[level] = performance.now() - began;
      if (++arrivals[level] === MESSAGES && arrivals[4] + arrivals[5] === 2 * MESSAGES) resolve();
    });
  });
  await plantClient.subscribeAsync(['4/#', '5/#'], { qos: 0 });
  for (let n = 0; n < MESSAGES; n++) client.publish('part/x', `${n}`, { qos: 1 });
  await all;
  console.log(`level 4 ${Math.round(lastMs[4])} ms, level 5 ${Math.round(lastMs[5])} ms`);
  expect(arrivals).toEqual({ 4: MESSAGES, 5: MESSAGES });
  expect(lastMs[5]).toBeLessThan(SLOWER * lastMs[4]);
});
