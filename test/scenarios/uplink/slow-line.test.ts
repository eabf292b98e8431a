import mqtt from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { startProxy } from '../../support/proxy.ts';
import { startStandInPlant } from '../../support/stand-in-plant.ts';
import { statusWhen, type UplinkJson } from '../../support/statuses.ts';
import { until } from '../../support/until.ts';

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/**
 * `UPLINK_WHOLE=1`: lines of 5, 20 and 200 kB/s, six minutes; a plain run has one line and smaller messages. The fast
 * line gets the two large messages again and again while others arrive.
 */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const LINES = WHOLE
  ? [
      { rate: 5000, small: 300, pairs: 1 },
      { rate: 20_000, small: 400, pairs: 1 },
      { rate: 200_000, small: 960, pairs: 4 },
    ]
  : [{ rate: 20_000, small: 60, pairs: 1 }];
const [LARGE, HUGE] = WHOLE ? [300_000, 900_000] : [120_000, 200_000];
/** Shorter than the time of a large message: the ping is behind it. */
const KEEPALIVE = WHOLE ? '30s' : '3s';
const EVERY_MS = 50;
/** The status is up to a second old, and the proxy passes ten pieces a second. */
const SLACK_MS = 1500;
/** Rates are those of so many seconds. */
const SETTLE_MS = 6000;

interface Moment {
  readonly at: number;
  /** Messages that wait from then on more than before. */
  readonly waiting: number;
  /** A large message was published: nobody can foresee it. */
  readonly isLarge: boolean;
}

/** When the queue was empty next, after a moment. */
function nextEmpty(moments: readonly Moment[], after: number): number {
  let waiting = 0;
  for (const { at, waiting: more } of moments) {
    waiting += more;
    if (at > after && waiting === 0) return at;
  }
  return Number.NaN;
}

/**
 * How far the estimates were from what came, as parts of it; those of the last seconds before are left out, and those
 * that may not know of a large message yet.
 */
function errorsOf(
  statuses: readonly { at: number; status: UplinkJson }[],
  moments: readonly Moment[],
): number[] {
  const surprises = moments.filter(({ isLarge }) => isLarge);
  return statuses
    .filter(({ at }) => !surprises.some((one) => at > one.at - 1000 && at < one.at + 2000))
    .map(({ at, status }) => {
      const truly = nextEmpty(moments, at) - at;
      if (truly < 3000) return 0;
      if (status.eta === null) return Number.POSITIVE_INFINITY;
      return Math.max(0, Math.abs(Number(status.eta) - truly) - SLACK_MS) / truly;
    })
    .sort((a, b) => a - b);
}

test.concurrent.each(LINES)(
  'a line of $rate bytes a second: all arrive once, and the status is true',
  {
    timeout: WHOLE ? 900_000 : 90_000,
  },
  async ({ rate, small, pairs }) => {
    const plant = await startStandInPlant();
    ends.push(() => plant.close());
    const proxy = await startProxy(plant.port);
    ends.push(() => proxy.close());
    proxy.limit(rate);
    const gateway = await startGateway({
      config: {
        uplinks: [
          {
            name: 'plant',
            url: `mqtt://127.0.0.1:${proxy.port}`,
            keepalive: KEEPALIVE,
            routes: [{ out: '#', to: 'p/' }],
          },
        ],
      },
    });
    ends.push(() => gateway.dispose());
    await statusWhen(gateway.port, ({ state }) => state === 'connected', 40_000);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
    ends.push(() => client.endAsync(true));
    const statuses: { at: number; status: UplinkJson }[] = [];
    client.on('message', (_, payload) => {
      statuses.push({
        at: performance.now(),
        status: JSON.parse(payload.toString()) as UplinkJson,
      });
    });
    await client.subscribeAsync('$SYS/cellgate/uplink/plant');
    const moments: Moment[] = [];
    let bytes = 0;
    const publish = (topic: string, payload: string | Buffer): void => {
      const isLarge = payload.length >= LARGE;
      moments.push({ at: performance.now(), waiting: 1, isLarge });
      bytes += payload.length;
      client.publish(topic, payload, { qos: 1 });
    };
    const period = small / pairs;
    for (let n = 0; n < small; n++) {
      if (n % period === period / 4) publish(`picture/large/${n}`, Buffer.alloc(LARGE));
      if (n % period === (3 * period) / 4) publish(`picture/huge/${n}`, Buffer.alloc(HUGE));
      publish('reading', `${n} ${'x'.repeat(1000)}`);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    const allSentAt = performance.now();
    const count = small + 2 * pairs;
    const arrived = () => plant.taken.filter(({ topic }) => topic.startsWith('p/'));
    await until(
      'all have arrived',
      () => arrived().length >= count,
      (3 * bytes * 1000) / rate + 20_000,
    );
    const topics = arrived().map(({ topic, payload }) => `${topic} ${payload.slice(0, 6)}`);
    const lost = gateway
      .stdout()
      .split('\n')
      .filter((line) => line.includes('"uplink"') && !line.includes('messages flow"'));
    expect({
      twice: topics.filter((topic, n) => topics.indexOf(topic) < n),
      connections: plant.connections,
      ended: lost.filter((line) => /lost|answer|acknowledged none/.test(line)),
    }).toEqual({ twice: [], connections: 1, ended: [] });
    for (const { at } of arrived()) moments.push({ at, waiting: -1, isLarge: false });
    moments.sort((a, b) => a.at - b.at);
    const emptyAt = moments.at(-1)!.at;
    // A slow line is asked once nothing arrives any more, which nobody can foresee.
    const from = pairs > 1 ? statuses[0]!.at + SETTLE_MS : allSentAt + SETTLE_MS;
    const settled = statuses.filter(({ at }) => at > from && at < emptyAt);
    const errors = errorsOf(settled, moments);
    const within = errors.filter((error) => error <= 0.25).length / Math.max(1, errors.length);
    const reasons = new Set(statuses.map(({ status }) => status.reason?.replace(/\d+/g, 'N')));
    console.log(
      JSON.stringify({
        ...{ rate, settled: settled.length, within, median: errors[errors.length >> 1] },
        ...{ worst: errors.at(-1), seconds: Math.round((emptyAt - moments[0]!.at) / 1000) },
        reasons: [...reasons],
      }),
    );
    if (process.env.SLOW_LINE_TRACE) {
      for (const { at, status } of statuses) {
        const truly = Math.round(nextEmpty(moments, at) - at);
        const { eta, queued, rate: messages, lineRate } = status;
        console.log(
          rate,
          Math.round(at - moments[0]!.at),
          JSON.stringify({ truly, eta, queued, messages, lineRate }),
        );
      }
    }
    expect(within).toBeGreaterThanOrEqual(0.9);
    expect([...reasons].join()).not.toMatch(/stopped answering|nothing flows/);
    if (rate <= 20_000) expect([...reasons].join()).toContain('the connection is slow');
  },
);
