import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { collect, startPlant } from '../../support/plant.ts';
import { startProxy } from '../../support/proxy.ts';
import { needs, tools } from '../../support/tools.ts';
import { createRandom } from '../crash/kill/random.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** `npm run test:uplink` does all of it; a plain run a tenth. */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const [MESSAGES, CUTS, KILLS] = WHOLE ? [100_000, 50, 10] : [6000, 8, 2];
/** Messages every 5 ms: they last as long as the harms. */
const PACE = WHOLE ? 5 : 2;
/** Which harm comes when; printed, so that a run can be had again. */
const SEED = Number(process.env.UPLINK_SEED ?? Math.floor(Math.random() * 2 ** 31));
const WINDOW = 100;
const TOPICS = 20;

interface Reading {
  readonly boot: number;
  readonly seq: number;
}

test(`nothing is lost through ${CUTS} cuts, ${KILLS} kills of the gateway and ${KILLS} stops of the plant`, {
  timeout: WHOLE ? 1_500_000 : 180_000,
}, async () => {
  const plant = await startPlant();
  ends.push(() => plant.dispose());
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  const proxy = await startProxy(plant.port);
  ends.push(() => proxy.close());
  const gateway = await startGateway({
    sensors: [{ name: 'door', driver: 'simulated', signal: 'door', every: '20ms' }],
    config: {
      store: { readingsWithin: '100ms' },
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${proxy.port}`,
          reconnectMax: '1s',
          keepalive: '2s',
          inflight: WINDOW,
          routes: [{ out: '#', to: 'p/' }],
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
    clientId: 'lan',
    clean: false,
    reconnectPeriod: 100,
  });
  client.on('error', () => undefined);
  ends.push(() => client.endAsync(true));

  let published = 0;
  let acknowledged = 0;
  let outstanding = 0;
  const again: number[] = [];
  const lan = new Promise<void>((resolve) => {
    const publish = (seq: number): void => {
      outstanding++;
      client.publish(`lan/${seq % TOPICS}`, `${seq}`, { qos: 1 }, (error) => {
        outstanding--;
        // While it repeats what it has sent, this client may fail what is new: that goes again, in order.
        if (error) again.push(seq);
        else if (++acknowledged === MESSAGES) resolve();
      });
    };
    const next = (): void => {
      if (!client.connected) return;
      if (again.length > 0) {
        if (outstanding > 0) return;
        for (const seq of again.splice(0).sort((x, y) => x - y)) publish(seq);
      }
      for (let n = 0; n < PACE && published < MESSAGES && outstanding < 200; n++) {
        publish(published++);
      }
    };
    const pace = setInterval(next, 5);
    ends.push(async () => clearInterval(pace));
  });

  const random = createRandom(SEED);
  const harms = [
    ...new Array<string>(CUTS).fill('cut'),
    ...new Array<string>(KILLS).fill('gateway'),
    ...new Array<string>(KILLS).fill('plant'),
  ].sort(() => random.next() - 0.5);
  let cut = 0;
  for (const harm of harms) {
    await new Promise((resolve) => setTimeout(resolve, random.between(200, 2200)));
    if (harm === 'gateway') {
      await gateway.kill();
      await gateway.restart();
    } else if (harm === 'plant') {
      await plant.stop();
      await plant.restart();
    } else {
      const way = cut++ % 5;
      if (way === 1) proxy.corrupt();
      else if (way === 2) proxy.stall();
      else if (way === 3) proxy.halfOpen();
      else if (way === 4) proxy.delay(20);
      if (way > 0) await new Promise((resolve) => setTimeout(resolve, 500));
      proxy.cut();
      proxy.resume();
      proxy.delay(0);
    }
  }
  await lan;
  const last = new Set(Array.from({ length: TOPICS }, (_, n) => `${MESSAGES - TOPICS + n}`));
  let looked = 0;
  await collector
    .until((all) => {
      for (; looked < all.length; looked++) last.delete(all[looked]?.payload ?? '');
      return last.size === 0;
    }, 120_000)
    .catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 2000));

  let [lost, disordered, duplicates] = [0, 0, 0];
  for (let topic = 0; topic < TOPICS; topic++) {
    const got = collector.arrivals
      .filter((each) => each.topic === `p/lan/${topic}`)
      .map(({ payload }) => Number(payload));
    const unique = [...new Set(got)];
    duplicates += got.length - unique.length;
    lost += MESSAGES / TOPICS - unique.length;
    disordered += unique.filter((n, index) => index > 0 && n < (unique[index - 1] ?? 0)).length;
  }
  const readings = collector.arrivals
    .filter(({ topic }) => topic === 'p/robotcell1/door')
    .map(({ payload }) => JSON.parse(payload) as Reading);
  const keys = [...new Set(readings.map(({ boot, seq }) => boot * 1e9 + seq))];
  const unordered = keys.filter((key, index) => index > 0 && key < (keys[index - 1] ?? 0));
  let gaps = 0;
  keys.forEach((key, index) => {
    const before = keys[index - 1];
    if (before && Math.floor(before / 1e9) === Math.floor(key / 1e9)) gaps += key - before - 1;
  });
  const breaks = CUTS + 2 * KILLS;
  console.log(
    JSON.stringify({
      SEED,
      MESSAGES,
      lost,
      disordered,
      duplicates,
      breaks,
      readings: keys.length,
      gaps,
    }),
  );
  expect({ lost, disordered, unordered, gaps }).toEqual({
    lost: 0,
    disordered: 0,
    unordered: [],
    gaps: 0,
  });
  // Of these the LAN client's own repetitions after a kill of the gateway: its window is 200.
  expect(duplicates).toBeLessThanOrEqual(breaks * WINDOW + KILLS * 200);
});
