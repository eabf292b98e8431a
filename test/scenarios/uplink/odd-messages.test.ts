import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exportQueue } from '../../../src/store/admin/queue-admin.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type Collector, collect, startPlant } from '../../support/plant.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

/** `ODD_SEED` and `ODD_MESSAGES` repeat a run or make it longer. */
const SEED = Number(process.env.ODD_SEED ?? Math.floor(Math.random() * 2 ** 31));
const MESSAGES = Number(process.env.ODD_MESSAGES ?? 200);
const PREFIX = 'plant/line4/';
const LARGEST = 256 * 1024;

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Odd {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** A message that the standard permits and hardly anybody sends; `n` makes its topic its own. */
function oddMessage(random: Random, n: number): Odd {
  const topics: readonly (() => string)[] = [
    () => `${n}/`.padEnd(65_535 - PREFIX.length + random.between(-2, 12), 'x'),
    () => `${n}/${'温'.repeat(21_800)}`,
    () => `${n}${'/a'.repeat(random.pick([2, 100, 127, 128, 129, 190]))}`,
    () => `${n}${'/'.repeat(random.pick([1, 2, 128, 190]))}`,
    () => `${n}/\ufeff`,
    () => `\ufeff/${n}`,
    () => `${n}/${random.pick(['\u00a0', '\u200b', '\u2028', '\ufffd', '🤖', '\u{10fffd}', ' '])}`,
    () => `/${n}/`,
    () => `//${n}//`,
    () => `${n}/constructor/__proto__/toString`,
    () => `${n}/${random.pick(['"', "'", '\\', '%', '$SYS', '..', '|', '<b>', '~', '%u'])}`,
  ];
  const sizes = [0, 0, 1, 2, 127, 128, 16_383, 16_384, 70_000, LARGEST];
  const payload = Buffer.alloc(random.pick(sizes), random.between(0, 255));
  return {
    topic: random.pick(topics)(),
    payload,
    qos: random.pick([0, 1, 2] as const),
    retain: random.next() < 0.3,
  };
}

async function start(plantPort: number, protocol: 4 | 5): Promise<TestGateway> {
  const gateway = await startGateway({
    limits: { packet: '1MiB', controlCharacters: 'allow' },
    config: {
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${plantPort}`,
          protocol,
          reconnectMax: '1s',
          keepalive: '5s',
          routes: [
            { out: '#', to: PREFIX, qos: 2 },
            { out: 'alarm/#', to: PREFIX, priority: 'high' },
          ],
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  return gateway;
}

async function clientOf(port: number): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 100 });
  client.on('error', () => undefined);
  ends.push(() => client.endAsync(true));
  return client;
}

/** Publishes an alarm twice a second until it is stopped; gives the topics and times. */
function publishAlarms(client: MqttClient) {
  const sent = new Map<string, number>();
  const timer = setInterval(() => {
    const payload = `${sent.size}`;
    sent.set(payload, performance.now());
    void client.publishAsync('alarm/a', payload, { qos: 1 });
  }, 500);
  ends.push(async () => clearInterval(timer));
  return { sent, stop: () => clearInterval(timer) };
}

const isTrue = (reason: string): boolean => /^topic too long: \d+ bytes at the plant/.test(reason);

/** What became of the messages: those that arrived and those that were refused are all of them. */
async function verdict({
  collector,
  gateway,
  sent,
}: {
  collector: Collector;
  gateway: TestGateway;
  sent: readonly Odd[];
}): Promise<Map<string, string>> {
  const refused = new Map<string, string>();
  const arrived = (): Set<string> => new Set(collector.arrivals.map(({ topic }) => topic));
  await until(
    'each message has arrived or is among the refused',
    () => {
      for (const { topic, reason } of exportQueue(gateway.dataDir, 'refused/plant')) {
        refused.set(topic, reason ?? '');
      }
      const topics = arrived();
      return sent.every(({ topic }) => topics.has(`${PREFIX}${topic}`) || refused.has(topic));
    },
    40_000,
  );
  return refused;
}

describe.each([4, 5] as const)(`with MQTT level %i, seed ${SEED}`, (protocol) => {
  test(`${MESSAGES} odd messages through LAN, store and uplink to Mosquitto`, async () => {
    const random = createRandom(SEED + protocol);
    const plant = await startPlant();
    ends.push(() => plant.dispose());
    const collector = await collect(plant.port, `${PREFIX}#`, 2);
    ends.push(() => collector.close());
    const gateway = await start(plant.port, protocol);
    const client = await clientOf(gateway.port);
    const alarms = publishAlarms(await clientOf(gateway.port));
    const sent = Array.from({ length: MESSAGES }, (_, n) => oddMessage(random, n));
    for (const { topic, payload, qos, retain } of sent) {
      await client.publishAsync(topic, payload, { qos, retain });
    }
    const refused = await verdict({ collector, gateway, sent });
    alarms.stop();
    for (const [topic, reason] of refused) {
      expect([topic.slice(0, 20), isTrue(reason), reason]).toEqual([
        topic.slice(0, 20),
        true,
        reason,
      ]);
    }
    for (const { topic, payload } of sent) {
      if (refused.has(topic)) {
        expect(Buffer.byteLength(`${PREFIX}${topic}`), topic.slice(0, 20)).toBeGreaterThan(65_535);
        continue;
      }
      const got = collector.arrivals.find((each) => each.topic === `${PREFIX}${topic}`);
      expect(Buffer.compare(got!.packet.payload as Buffer, payload), topic.slice(0, 20)).toBe(0);
    }
    await until('the last alarm has arrived', () =>
      collector.arrivals.some(({ payload }) => payload === `${alarms.sent.size - 1}`),
    );
    for (const [payload, at] of alarms.sent) {
      const got = collector.arrivals.find(
        (each) => each.topic === `${PREFIX}alarm/a` && each.payload === payload,
      );
      expect(got && got.at - at, `alarm ${payload}`).toBeLessThan(5000);
    }
    // After a start with all of that on disk the gateway is there too.
    await gateway.kill();
    await gateway.restart();
    const again = await clientOf(gateway.port);
    await again.publishAsync('after', 'the restart', { qos: 1 });
    await collector.until((all) => all.some(({ topic }) => topic === `${PREFIX}after`));
  });
});
