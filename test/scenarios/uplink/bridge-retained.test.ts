import mqtt from 'mqtt';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { startPlant } from '../../support/plant.ts';
import { startPlantLink } from '../../support/plant-link.ts';
import { startProxy } from '../../support/proxy.ts';
import { createRandom } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

const SEED = Number(process.env.BRIDGE_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`retained messages of a plant come to a bridge once, however its connection ends, seed ${SEED}`, async () => {
  const random = createRandom(SEED);
  const plant = await startPlant();
  onTestFinished(() => plant.dispose());
  const proxy = await startProxy(plant.port);
  onTestFinished(() => proxy.close());
  const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
  onTestFinished(() => office.endAsync(true));
  // With QoS 1 the plant would send again what the gateway has acknowledged too late.
  for (let n = 0; n < 5; n++) office.publish(`set/${n}`, `${n}`, { qos: 0, retain: true });
  await office.publishAsync('other', 'after these', { qos: 1 });
  const link = await startPlantLink(await tempFolder(), {
    url: `mqtt://127.0.0.1:${proxy.port}`,
    protocol: 4,
    routes: [{ in: 'set/#', retain: 'keep' }],
  });
  await link.connected();
  await until('the retained messages are here', () => link.received.length === 5);
  const ways = ['cut', 'refuse', 'cut', 'refuse', 'stall', 'reload'];
  while (ways.length > 0) {
    const [how = ''] = ways.splice(random.between(0, ways.length - 1), 1);
    if (how === 'reload') {
      await link.applyConfig({ keepalive: '6s' });
      await until('messages flow again', () => link.status.state === 'connected', 30_000);
      continue;
    }
    const { reconnects } = link.status;
    if (how === 'refuse') proxy.refuse(true);
    if (how === 'stall') proxy.stall();
    proxy.cut();
    // The loss of the connection, and an attempt that gets no answer.
    const failures = how === 'cut' ? 1 : 2;
    await until(`${how} is over`, () => link.status.reconnects >= reconnects + failures, 30_000);
    proxy.refuse(false);
    proxy.resume();
    await until('messages flow again', () => link.status.state === 'connected', 30_000);
  }
  await office.publishAsync('set/last', 'last', { qos: 0, retain: true });
  await until('the last is here', () => link.received.includes('set/last last'));
  const first = [0, 1, 2, 3, 4].map((n) => `set/${n} ${n}`);
  expect(link.received.toSorted()).toEqual([...first, 'set/last last']);
}, 150_000);
