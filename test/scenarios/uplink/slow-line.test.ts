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

/** `UPLINK_WHOLE=1`: lines of 5, 20 and 200 kB/s; a plain run has a line of 40 kB/s with the same messages in a fifth of the size. */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const RATES = WHOLE ? [5000, 20_000, 200_000] : [20_000];
const [LARGE, HUGE] = WHOLE ? [300_000, 900_000] : [120_000, 200_000];
const SMALL = WHOLE ? 400 : 60;
/** Shorter than the time of a large message: the ping is behind it. */
const KEEPALIVE = WHOLE ? '30s' : '3s';

test.concurrent.each(RATES)(
  'a line of %i bytes a second: all arrive once, and the status is true',
  {
    timeout: WHOLE ? 900_000 : 90_000,
  },
  async (rate) => {
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
    for (let n = 0; n < SMALL; n++) {
      if (n === SMALL / 4) client.publish('picture/large', Buffer.alloc(LARGE), { qos: 1 });
      if (n === SMALL / 2) client.publish('picture/huge', Buffer.alloc(HUGE), { qos: 1 });
      client.publish('reading', `${n} ${'x'.repeat(1000)}`, { qos: 1 });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const allSentAt = performance.now();
    const bytes = LARGE + HUGE + SMALL * 1000;
    const count = SMALL + 2;
    const arrived = () => plant.taken.filter(({ topic }) => topic.startsWith('p/'));
    await until(
      'all have arrived',
      () => arrived().length >= count,
      (3 * bytes * 1000) / rate + 20_000,
    );
    const emptyAt = Math.max(...arrived().map(({ at }) => at));
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
    // Once nothing arrives any more, the estimates are those of the line.
    const settled = statuses.filter(({ at }) => at > allSentAt + 6000 && at < emptyAt - 3000);
    const errors = settled.map(({ at, status }) =>
      Math.abs(Number(status.eta ?? Number.NaN) / (emptyAt - at) - 1),
    );
    errors.sort((a, b) => a - b);
    const reasons = new Set(statuses.map(({ status }) => status.reason?.replace(/\d+/g, 'N')));
    console.log(
      JSON.stringify({
        rate,
        settled: settled.length,
        median: errors[errors.length >> 1],
        worst: errors.at(-1),
        reasons: [...reasons],
      }),
    );
    if (settled.length > 0) expect(errors[errors.length >> 1]).toBeLessThan(0.25);
    expect([...reasons].join()).not.toMatch(/stopped answering|nothing flows/);
    if (rate <= 20_000) expect([...reasons].join()).toContain('the connection is slow');
  },
);
