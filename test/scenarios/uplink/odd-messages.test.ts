import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exportQueue } from '../../../src/store/admin/queue-admin.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant } from '../../support/plant.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { type Received, startStandInPlant } from '../../support/stand-in-plant.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

/** `ODD_SEED` and `ODD_MESSAGES` repeat a run or make it longer; `UPLINK_WHOLE=1` has the whole of what takes minutes. */
const SEED = Number(process.env.ODD_SEED ?? Math.floor(Math.random() * 2 ** 31));
const MESSAGES = Number(process.env.ODD_MESSAGES ?? 200);
const CLOSING = process.env.UPLINK_WHOLE === '1' ? MESSAGES : Math.min(MESSAGES, 50);
const PREFIX = 'plant/line4/';
const LARGEST = 256 * 1024;
const TOO_LONG = /^topic too long: \d+ bytes at the plant, MQTT takes 65535$/;
const ENDED = /^the plant ended the connection (each time|whenever)/;
/** Said of the third one of a kind, once it was sent alone: then the topic must be of this kind. */
const OF_A_KIND =
  /^the plant ended the connection at messages with (.+) in the topic, and again at this one, sent alone$/;
const KINDS: Readonly<Record<string, RegExp>> = {
  'a control character': /\p{Cc}/u,
  'a noncharacter': /\p{Noncharacter_Code_Point}/u,
  'a space': / /,
  'a point': /\./,
  'a character outside ASCII': /\P{ASCII}/u,
};

/** Whether it is the true reason for a message at which the plant has closed. */
function isEnded(topic: string, reason: string): boolean {
  const [, kind] = OF_A_KIND.exec(reason) ?? [];
  return kind === undefined ? ENDED.test(reason) : KINDS[kind]?.test(`${PREFIX}${topic}`) === true;
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A message at the plant, from a subscriber there or as the stand-in plant took it. */
interface AtPlant {
  readonly topic: string;
  readonly payload: string;
  readonly at: number;
}

interface Odd {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** Topics that Mosquitto does not take: control characters, noncharacters, and more than 200 levels. */
function oddestTopics(random: Random, n: number): readonly (() => string)[] {
  const controls = Array.from({ length: 0x3f }, (_, at) => (at < 0x1f ? at + 1 : at + 0x60));
  return [
    () => `${n}/${String.fromCharCode(random.pick(controls))}/${random.pick([' ', '.', '\ufdd0'])}`,
    () => controls.map((code) => String.fromCharCode(code)).join('') + n,
    () => `${n}${'/a'.repeat(399)}`,
    () => `${n}${'/'.repeat(random.pick([201, 400, 60_000]))}`,
  ];
}

/** A message that the standard permits and hardly anybody sends; `n` makes its topic its own. */
function oddMessage(random: Random, n: number, more: readonly (() => string)[] = []): Odd {
  const topics: readonly (() => string)[] = [
    ...more,
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

/** Publishes an alarm twice a second until it is stopped; gives the payloads and times. */
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

/** What became of the messages: those that arrived and those that were refused are all of them. */
async function verdict(
  gateway: TestGateway,
  arrivals: readonly AtPlant[],
  sent: readonly Odd[],
  withinMs = 40_000,
): Promise<Map<string, string>> {
  const refused = new Map<string, string>();
  const arrived = (): Set<string> => new Set(arrivals.map(({ topic }) => topic));
  await until(
    'each message has arrived or is among the refused',
    () => {
      for (const { topic, reason } of exportQueue(gateway.dataDir, 'refused/plant')) {
        refused.set(topic, reason ?? '');
      }
      const topics = arrived();
      return sent.every(({ topic }) => topics.has(`${PREFIX}${topic}`) || refused.has(topic));
    },
    withinMs,
  );
  return refused;
}

/** Whether the topic is too long at the plant. */
const isTooLong = ({ topic }: Odd): boolean => Buffer.byteLength(`${PREFIX}${topic}`) > 65_535;

describe.each([4, 5] as const)(`with MQTT level %i, seed ${SEED}`, (protocol) => {
  beforeEach(needs(tools.mosquitto));

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
    const refused = await verdict(gateway, collector.arrivals, sent);
    alarms.stop();
    for (const one of sent) {
      const { topic, payload } = one;
      if (refused.has(topic) || isTooLong(one)) {
        expect(refused.get(topic), topic.slice(0, 20)).toMatch(TOO_LONG);
        expect(isTooLong(one), topic.slice(0, 20)).toBe(true);
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

describe.each([4, 5] as const)(
  `with MQTT level %i, seed ${SEED}`,
  (protocol) => {
    test(`${CLOSING} odd messages to a plant that closes at a tenth of the topics`, async () => {
      const random = createRandom(SEED + 10 * protocol);
      const sent = Array.from({ length: CLOSING }, (_, n) => {
        return oddMessage(random, n, oddestTopics(random, n));
      });
      const closing = new Set(
        sent.filter(() => random.next() < 0.1).map(({ topic }) => `${PREFIX}${topic}`),
      );
      const isClosing = ({ topic }: Received): boolean => closing.has(topic);
      const plant = await startStandInPlant((one) => (isClosing(one) ? 'close' : 'take'));
      ends.push(() => plant.close());
      const gateway = await start(plant.port, protocol);
      const client = await clientOf(gateway.port);
      const alarms = publishAlarms(await clientOf(gateway.port));
      for (const { topic, payload, qos, retain } of sent) {
        await client.publishAsync(topic, payload, { qos, retain });
      }
      const refused = await verdict(gateway, plant.taken, sent, 60_000 + closing.size * 20_000);
      alarms.stop();
      await until('the last alarm is at the plant', () =>
        plant.taken.some(({ payload }) => payload === `${alarms.sent.size - 1}`),
      );
      const wrong = sent.flatMap((one) => {
        const reason = refused.get(one.topic);
        const isClosed = closing.has(`${PREFIX}${one.topic}`);
        const isRight = isTooLong(one)
          ? TOO_LONG.test(reason ?? '')
          : isClosed
            ? isEnded(one.topic, reason ?? '')
            : reason === undefined;
        return isRight ? [] : [{ topic: one.topic.slice(0, 40), reason, isClosed }];
      });
      expect(wrong).toEqual([]);
      for (const { topic, payload } of sent) {
        if (refused.has(topic)) continue;
        const got = plant.taken.find((each) => each.topic === `${PREFIX}${topic}`);
        expect(got?.payload === payload.toString(), topic.slice(0, 20)).toBe(true);
      }
      const lateness = [...alarms.sent].map(([payload, at]) => {
        const got = plant.taken.find(
          (each) => each.topic === `${PREFIX}alarm/a` && each.payload === payload,
        );
        return (got?.at ?? Number.POSITIVE_INFINITY) - at;
      });
      const inTime = lateness.filter((ms) => ms < 5000).length;
      const worst = Math.round(Math.max(...lateness));
      console.log(
        JSON.stringify({
          protocol,
          closing: closing.size,
          connections: plant.connections,
          alarms: lateness.length,
          inTime,
          worst,
        }),
      );
      expect(inTime / lateness.length).toBeGreaterThan(0.95);
      expect(worst).toBeLessThan(15_000);
      expect(gateway.stdout()).not.toMatch(/"level":"(error|fatal)"/);
      // What was refused does not come back with a start, and the line works.
      const before = plant.received.length;
      await gateway.kill();
      await gateway.restart();
      const again = await clientOf(gateway.port);
      await again.publishAsync('after', 'the restart', { qos: 1 });
      await until('the message after the restart is there', () =>
        plant.taken.some(({ topic }) => topic === `${PREFIX}after`),
      );
      expect(plant.received.slice(before).filter(isClosing)).toEqual([]);
    });
  },
  1_200_000,
);
