/**
 * Many gateways at one plant that is away for a while. `npm run test:many-gateways` runs twenty of them, and a plant that is
 * away for a minute; the suite has a sample.
 */
import mqtt from 'mqtt';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant } from '../../support/plant.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';

const isWhole = process.env.MANY_GATEWAYS === 'whole';
const [COUNT, AWAY_MS, EVERY_MS] = isWhole ? [20, 60_000, 100] : [3, 2000, 50];
/** All are back, and later nothing waits: a gateway is back within half of the outage, at least 3 s, and its attempt. */
const [BACK_MS, EMPTY_MS] = isWhole ? [45_000, 60_000] : [20_000, 20_000];

beforeEach(needs(tools.mosquitto));

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A gateway, and a client that publishes at it. */
interface Cell {
  readonly gateway: TestGateway;
  readonly lan: mqtt.MqttClient;
  readonly status: string;
  readonly topic: string;
  sent: number;
  readonly acked: Set<string>;
}

async function startCell(n: number, plantPort: number): Promise<Cell> {
  const gateway = await startGateway({
    config: {
      cell: `cell${n}`,
      uplinks: [
        {
          ...{ name: 'plant', url: `mqtt://127.0.0.1:${plantPort}` },
          routes: [{ out: 'part/#', to: `cell${n}/` }],
        },
      ],
    },
  });
  onTestFinished(() => gateway.dispose());
  await statusWhen(gateway.port, ({ state }) => state === 'connected', 60_000);
  const lan = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  onTestFinished(() => lan.endAsync(true));
  const [status, topic] = [`cell${n}/status`, `cell${n}/part/made`];
  return { gateway, lan, status, topic, sent: 0, acked: new Set() };
}

test(
  `${COUNT} gateways are back after an outage, not in the same second, and nothing is lost`,
  async () => {
    const plant = await startPlant();
    onTestFinished(() => plant.dispose());
    const collector = await collect(plant.port);
    onTestFinished(() => collector.close());
    const cells: Cell[] = [];
    // One after the other: twenty starts at once take longer than a start may.
    for (let n = 0; n < COUNT; n++) cells.push(await startCell(n, plant.port));
    const publishing = cells.map((cell) =>
      setInterval(() => {
        const number = `${cell.sent++}`;
        cell.lan
          .publishAsync('part/made', number, { qos: 1 })
          .then(() => cell.acked.add(number))
          .catch(() => undefined);
      }, EVERY_MS),
    );
    onTestFinished(() => publishing.forEach(clearInterval));

    await plant.stop();
    await pass(AWAY_MS);
    const since = performance.now();
    await plant.restart();
    const online = () =>
      cells.map(
        ({ status }) =>
          collector.arrivals.find(
            ({ topic, payload, at }) => topic === status && payload === 'online' && at > since,
          )?.at,
      );
    await collector.until(() => online().every((at) => at !== undefined), BACK_MS);
    const times = online()
      .map((at) => at! - since)
      .toSorted((a, b) => a - b);
    console.log(`back after ${times.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
    if (isWhole) expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual(5000);

    const back = performance.now();
    publishing.forEach(clearInterval);
    await Promise.all(
      cells.map(({ gateway }) =>
        statusWhen(
          gateway.port,
          ({ state, queued }) => state === 'connected' && queued === 0,
          EMPTY_MS,
        ),
      ),
    );
    console.log(`no queue left ${((performance.now() - back) / 1000).toFixed(1)} s later`);
    const missing = () =>
      cells.flatMap(({ topic, acked }) => {
        const got = new Set(
          collector.arrivals.filter((each) => each.topic === topic).map(({ payload }) => payload),
        );
        const lost = [...acked].filter((number) => !got.has(number));
        return lost.length > 0 ? [`${topic}: ${lost.length} of ${acked.size}`] : [];
      });
    await collector.until(() => missing().length === 0, 20_000).catch(() => undefined);
    expect(missing()).toEqual([]);
    console.log(`0 lost of ${cells.reduce((sum, { acked }) => sum + acked.size, 0)}`);
  },
  isWhole ? 600_000 : 60_000,
);
