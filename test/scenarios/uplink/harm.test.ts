import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { createRandom } from '../../support/random.ts';
import { needs, tools } from '../../support/tools.ts';
import { verdictOf } from './harm/verdict.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** `npm run test:uplink` does all of it; a plain run a tenth. */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const [MESSAGES, CUTS, KILLS] = WHOLE ? [100_000, 50, 10] : [6000, 8, 2];
/** Messages every 5 ms: they last as long as the faults. */
const RATE = WHOLE ? 5 : 2;
/** Decides which fault comes when: another seed every day, the same all day. */
const SEED = Number(process.env.UPLINK_SEED ?? Math.floor(Date.now() / 86_400_000));
const WINDOW = 100;
const TOPICS = 20;
const LAN_WINDOW = 200;
/** Published last: once it is at the plant, all messages before it have been sent. */
const SENTINEL = 'end';

test(`nothing is lost through ${CUTS} cuts, ${KILLS} kills of the gateway and ${KILLS} stops of the plant`, {
  timeout: WHOLE ? 1_500_000 : 180_000,
}, async () => {
  console.log(`seed ${SEED} (UPLINK_SEED)`);
  const plant = await startPlant();
  ends.push(() => plant.dispose());
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  const proxy = await startProxy(plant.port);
  ends.push(() => proxy.close());
  const gateway = await gatewayTo(proxy.port);
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
    clientId: 'lan',
    clean: false,
    reconnectPeriod: 100,
  });
  client.on('error', () => undefined);
  ends.push(() => client.endAsync(true));

  const published = publishAll(client);
  await breakAll({ gateway, plant, proxy });
  await published;
  await client.publishAsync(SENTINEL, '', { qos: 1 });
  // What has not arrived by then is lost; the verdict says how much.
  const ended = await collector
    .until((all) => all.some(({ topic }) => topic === `p/${SENTINEL}`), 120_000)
    .then(
      () => true,
      () => false,
    );

  const { duplicates, ...verdict } = verdictOf(collector.arrivals, {
    messages: MESSAGES,
    topics: TOPICS,
    topicOf: (remainder) => `p/lan/${remainder}`,
    sensor: 'p/robotcell1/door',
  });
  const breaks = CUTS + 2 * KILLS;
  console.log(JSON.stringify({ MESSAGES, breaks, ended, duplicates, ...verdict }));
  expect({ ended, ...verdict }).toEqual({
    ended: true,
    lost: 0,
    disordered: 0,
    unordered: [],
    gaps: 0,
    readings: verdict.readings,
  });
  // Of these the LAN client's own repetitions after a kill of the gateway.
  expect(duplicates).toBeLessThanOrEqual(breaks * WINDOW + KILLS * LAN_WINDOW);
});

async function gatewayTo(port: number): Promise<TestGateway> {
  const gateway = await startGateway({
    sensors: [{ name: 'door', driver: 'simulated', signal: 'door', every: '20ms' }],
    config: {
      store: { readingsWithin: '100ms' },
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${port}`,
          reconnectMax: '1s',
          keepalive: '2s',
          inflight: WINDOW,
          routes: [{ out: '#', to: 'p/' }],
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  return gateway;
}

/** Publishes all messages at a steady rate while the client is connected; resolves when all are acknowledged. */
function publishAll(client: MqttClient): Promise<void> {
  let [published, acknowledged, outstanding] = [0, 0, 0];
  const failed: number[] = [];
  return new Promise((resolve) => {
    const publish = (n: number): void => {
      outstanding++;
      client.publish(`lan/${n % TOPICS}`, `${n}`, { qos: 1 }, (error) => {
        outstanding--;
        // While it repeats earlier messages, this client may fail later ones: those are published again, in order.
        if (error) failed.push(n);
        else if (++acknowledged === MESSAGES) resolve();
      });
    };
    const next = (): void => {
      if (!client.connected) return;
      if (failed.length > 0) {
        if (outstanding > 0) return;
        for (const n of failed.splice(0).sort((x, y) => x - y)) publish(n);
      }
      for (let k = 0; k < RATE && published < MESSAGES && outstanding < LAN_WINDOW; k++) {
        publish(published++);
      }
    };
    const timer = setInterval(next, 5);
    ends.push(async () => clearInterval(timer));
  });
}

/** Cuts, kills and stops in the order and at the times of the seed; resolves when all parts run again. */
async function breakAll({
  gateway,
  plant,
  proxy,
}: {
  readonly gateway: TestGateway;
  readonly plant: TestPlant;
  readonly proxy: TestProxy;
}): Promise<void> {
  const random = createRandom(SEED);
  const faults = [
    ...new Array<string>(CUTS).fill('cut'),
    ...new Array<string>(KILLS).fill('gateway'),
    ...new Array<string>(KILLS).fill('plant'),
  ].sort(() => random.next() - 0.5);
  let cuts = 0;
  for (const fault of faults) {
    await pause(random.between(200, 2200));
    if (fault === 'gateway') {
      await gateway.kill();
      await gateway.restart();
    } else if (fault === 'plant') {
      await plant.stop();
      await plant.restart();
    } else await cut(proxy, cuts++);
  }
}

/** Cuts the connection, four of five times after half a second in which it was damaged in another way. */
async function cut(proxy: TestProxy, count: number): Promise<void> {
  const damage = [undefined, proxy.corrupt, proxy.stall, proxy.halfOpen, () => proxy.delay(20)];
  const damaged = damage[count % damage.length];
  damaged?.();
  if (damaged) await pause(500);
  proxy.cut();
  proxy.resume();
  proxy.delay(0);
}

/** The time between two faults, which the seed decides: no event ends it. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
