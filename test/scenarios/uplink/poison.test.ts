import mqtt from 'mqtt';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant } from '../../support/plant.ts';
import {
  type Received,
  type StandInPlant,
  startStandInPlant,
  type Verdict,
} from '../../support/stand-in-plant.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** `UPLINK_WHOLE=1`: an alarm every second for 150 s and a poison message every 10 s; a plain run is ten times as fast. */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const ALARMS = WHOLE ? 150 : 40;
const [ALARM_MS, POISON_MS] = WHOLE ? [1000, 10_000] : [100, 1500];
const LATEST_MS = 5000;
const TIMEOUT_MS = WHOLE ? 260_000 : 60_000;

interface Poison {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly qos: 0 | 1 | 2;
}

async function gatewayTo(
  port: number,
  uplink: Readonly<Record<string, unknown>> = {},
): Promise<TestGateway> {
  const gateway = await startGateway({
    config: {
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${port}`,
          routes: [
            { out: '#', to: 'p/', qos: 2 },
            { out: 'alarm/#', to: 'p/', priority: 'high' },
          ],
          ...uplink,
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  await statusWhen(gateway.port, ({ state }) => state === 'connected', 40_000);
  return gateway;
}

/** Publishes alarms, and poison messages between them; resolves with when each alarm was sent. */
async function publishAll(
  gateway: TestGateway,
  poison: (n: number) => Poison,
): Promise<{ sentAt: number[]; poisoned: number }> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  ends.push(() => client.endAsync(true));
  const sentAt: number[] = [];
  let poisoned = 0;
  const spread = (): void => {
    const { topic, payload, qos } = poison(poisoned++);
    client.publish(topic, payload, { qos });
    // An ordinary message behind it.
    client.publish(`reading/${poisoned}`, `${poisoned}`, { qos: 1 });
  };
  await new Promise<void>((resolve) => {
    const timers = [
      setInterval(spread, POISON_MS),
      setInterval(() => {
        client.publish('alarm/door', `${sentAt.push(performance.now()) - 1}`, { qos: 1 });
        if (sentAt.length < ALARMS) return;
        for (const timer of timers) clearInterval(timer);
        resolve();
      }, ALARM_MS),
    ];
    ends.push(() => timers.forEach(clearInterval));
    spread();
  });
  return { sentAt, poisoned };
}

/** How many alarms arrived within the time; each counts when it arrived first. */
function inTime(
  sentAt: readonly number[],
  arrivals: readonly { topic: string; payload: string; at: number }[],
): { count: number; latest: number } {
  const first = new Map<number, number>();
  for (const { topic, payload, at } of arrivals) {
    if (topic === 'p/alarm/door' && !first.has(Number(payload))) first.set(Number(payload), at);
  }
  const late = sentAt.map((at, n) => (first.get(n) ?? Number.POSITIVE_INFINITY) - at);
  return {
    count: late.filter((ms) => ms <= LATEST_MS).length,
    latest: Math.round(Math.max(...late)),
  };
}

describe('a plant that closes the connection at a message', () => {
  const cases: [
    name: string,
    protocol: 4 | 5,
    poison: (n: number) => Poison,
    (m: Received) => Verdict,
  ][] = [
    [
      'at one topic with a space',
      4,
      () => ({ topic: 'hall 1/scan', payload: 'x', qos: 1 }),
      ({ topic }) => (topic.includes(' ') ? 'close' : 'take'),
    ],
    [
      'at many topics with a point',
      4,
      (n) => ({ topic: `scan/1.${n}`, payload: 'x', qos: 1 }),
      ({ topic }) => (topic.includes('.') ? 'close' : 'take'),
    ],
    [
      'at QoS 2',
      4,
      (n) => ({ topic: `batch/${n}`, payload: 'x', qos: 2 }),
      ({ qos }) => (qos === 2 ? 'close' : 'take'),
    ],
    ...[0x81, 0x95, 0x99, 0x97].map(
      (code) =>
        [
          `with reason 0x${code.toString(16)}`,
          5,
          (n: number) => ({ topic: `odd/${n % 2}`, payload: 'x'.repeat(500), qos: 1 }),
          ({ topic }: Received) => (topic.includes('odd') ? { disconnect: code } : 'take'),
        ] as (typeof cases)[number],
    ),
    [
      'by refusing it for the moment (0x97)',
      5,
      () => ({ topic: 'odd/a', payload: 'x', qos: 1 }),
      ({ topic }) => (topic.includes('odd') ? { refuse: 0x97 } : 'take'),
    ],
  ];
  test.concurrent.each(cases)(
    '%s (MQTT %i): alarms arrive in time',
    {
      timeout: TIMEOUT_MS,
    },
    async (name, protocol, poison, verdict) => {
      const plant = await startStandInPlant(verdict);
      const gateway = await gatewayTo(plant.port, { protocol });
      const result = await observe(gateway, plant, poison);
      console.log(`${name}: ${JSON.stringify(result)}`);
      expect(result.count).toBeGreaterThanOrEqual(ALARMS - 2);
      expect(result.readings).toBe(result.poisoned);
      await plant.close();
    },
  );
});

/** Sends the messages, and waits until each alarm and each reading is at the plant. */
async function observe(gateway: TestGateway, plant: StandInPlant, poison: (n: number) => Poison) {
  const { sentAt, poisoned } = await publishAll(gateway, poison);
  const readings = () =>
    new Set(plant.taken.filter(({ topic }) => topic.includes('reading')).map(({ topic }) => topic))
      .size;
  const alarms = () => plant.taken.some(({ payload }) => payload === `${ALARMS - 1}`);
  await until('all is there', () => alarms() && readings() >= poisoned, 30_000).catch(() => {});
  return {
    ...inTime(sentAt, plant.taken),
    poisoned,
    readings: readings(),
    connections: plant.connections,
  };
}

describe('Mosquitto as the plant', () => {
  beforeEach(needs(tools.mosquitto));
  const cases: [name: string, protocol: 4 | 5, lines: string[], poison: (n: number) => Poison][] = (
    [4, 5] as const
  ).flatMap((protocol) => [
    [
      'a topic that it takes for malformed',
      protocol,
      [],
      // A noncharacter: the standard allows it, Mosquitto closes.
      () => ({ topic: 'scan/\uFDD0A1', payload: 'x', qos: 1 }),
    ],
    [
      'a picture of 200 kB where it takes 128 KiB',
      protocol,
      ['max_packet_size 131072'],
      (n) => ({ topic: `picture/${n}`, payload: Buffer.alloc(200_000), qos: 1 }),
    ],
  ]);
  test.each(cases)(
    '%s (MQTT %i): alarms arrive in time',
    {
      timeout: TIMEOUT_MS,
    },
    async (name, protocol, lines, poison) => {
      const plant = await startPlant(lines);
      ends.push(() => plant.dispose());
      const collector = await collect(plant.port);
      ends.push(() => collector.close());
      const gateway = await gatewayTo(plant.port, { protocol });
      const { sentAt, poisoned } = await publishAll(gateway, poison);
      const readings = () =>
        new Set(
          collector.arrivals.flatMap(({ topic }) => (topic.includes('reading') ? topic : [])),
        );
      const alarms = () => collector.arrivals.some(({ payload }) => payload === `${ALARMS - 1}`);
      await until('all is there', () => alarms() && readings().size >= poisoned, 30_000).catch(
        () => undefined,
      );
      const result = { ...inTime(sentAt, collector.arrivals), poisoned, readings: readings().size };
      console.log(`Mosquitto, ${name}, ${protocol}: ${JSON.stringify(result)}`);
      expect(result.count).toBeGreaterThanOrEqual(ALARMS - 2);
      expect(result.readings).toBe(poisoned);
    },
  );
});
