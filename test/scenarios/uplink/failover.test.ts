import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { type PacketProxy, type PacketType, startPacketProxy } from '../../support/packet-proxy.ts';
import { type Collector, collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { startPlantLink } from '../../support/plant-link.ts';
import { createRandom } from '../../support/random.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

/** `npm run test:uplink` tries all cells, a plain run some of them: other ones every day. */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const SEED = Number(process.env.UPLINK_SEED ?? Math.floor(Date.now() / 86_400_000));
const SAMPLE = 5;
/** The longest time until the status is true. */
const TRUE_MS = 30_000;

const CUTS: Readonly<Record<number, readonly PacketType[]>> = {
  0: ['publish'],
  1: ['publish', 'puback'],
  2: ['publish', 'pubrec', 'pubrel', 'pubcomp'],
};
const EVENTS = [
  'nothing else',
  'lost its session',
  'lost its disk',
  'was restored from older data',
  'a route added',
  'a route removed',
  'a route changed',
] as const;

interface Cell {
  readonly protocol: 4 | 5;
  readonly qos: 0 | 1 | 2;
  readonly cut: PacketType;
  readonly event: (typeof EVENTS)[number];
}

const CELLS: readonly Cell[] = ([4, 5] as const).flatMap((protocol) =>
  ([0, 1, 2] as const).flatMap((qos) =>
    CUTS[qos]!.flatMap((cut) => EVENTS.map((event) => ({ protocol, qos, cut, event }))),
  ),
);

/** One of the two plants, whose packets the test sees. */
interface Place {
  readonly plant: TestPlant;
  readonly proxy: PacketProxy;
  readonly collector: Collector;
}

async function startPlace(): Promise<Place> {
  const plant = await startPlant(['autosave_interval 86400']);
  onTestFinished(() => plant.dispose());
  const proxy = await startPacketProxy(plant.port);
  onTestFinished(() => proxy.close());
  const collector = await collect(plant.port, 'p/#');
  onTestFinished(() => collector.close());
  return { plant, proxy, collector };
}

const IN_A = { in: 'down/a/#', strip: 'down/' };
const IN_B = { in: 'down/b/#', strip: 'down/' };

async function setUp({ protocol, qos }: Cell) {
  const [first, second] = [await startPlace(), await startPlace()];
  first.proxy.shut();
  const routesWith = (ins: readonly object[]) => [{ out: 'up/#', to: 'p/', qos }, ...ins];
  const link = await startPlantLink(tempFolder(), {
    urls: [first, second].map(({ proxy }) => `mqtt://127.0.0.1:${proxy.port}`),
    protocol,
    routes: routesWith([IN_A, IN_B]),
  });
  const isAt = async ({ proxy }: Place): Promise<void> => {
    await until(
      `connected to the ${proxy === first.proxy ? 'first' : 'second'} plant`,
      () => {
        const { state, url, reason } = link.status;
        return state === 'connected' && url.endsWith(`:${proxy.port}`) && reason === null;
      },
      TRUE_MS,
    );
  };
  // Both have a session from here on.
  await isAt(second);
  first.proxy.open();
  second.proxy.shut();
  await isAt(first);
  second.proxy.open();
  const applyRoutes = (ins: readonly object[]) => link.applyConfig({ routes: routesWith(ins) });
  return { first, second, link, isAt, applyRoutes };
}

/** Sends a command of the office at a plant. */
async function command({ plant }: Place, topic: string, payload: string): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
  await client.publishAsync(topic, payload, { qos: 1 });
  await client.endAsync();
}

/** The plant writes its data; the returned function brings them back. */
async function snapshot({ plant, proxy }: Place): Promise<() => Promise<void>> {
  const file = join(plant.dataDir, 'mosquitto.db');
  rmSync(file, { force: true });
  process.kill(plant.pid, 'SIGUSR1');
  await until('the plant has saved its data', () =>
    readdirSync(plant.dataDir).includes('mosquitto.db'),
  );
  // It writes beside and renames.
  copyFileSync(file, `${file}.older`);
  return async () => {
    proxy.shut();
    await plant.kill();
    copyFileSync(`${file}.older`, file);
    await plant.restart();
  };
}

async function loseSession({ plant }: Place): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`, {
    clientId: 'cell-plant',
    clean: true,
  });
  await client.endAsync();
}

async function loseDisk({ plant }: Place): Promise<void> {
  await plant.kill();
  for (const name of readdirSync(plant.dataDir)) rmSync(join(plant.dataDir, name));
  await plant.restart();
}

const payloads = ({ collector }: Place): string[] =>
  collector.arrivals.map(({ payload }) => payload);

async function tryCell(cell: Cell): Promise<void> {
  const { event, qos } = cell;
  const { first, second, link, isAt, applyRoutes } = await setUp(cell);
  const { publish, received } = link;
  await publish('before');
  await until('it is at the first plant', () => payloads(first).includes('before'));
  const restore = event === 'was restored from older data' ? await snapshot(first) : undefined;
  // The older data do not have this route.
  if (restore) {
    await applyRoutes([IN_A, IN_B, { in: 'down/c/#', strip: 'down/' }]);
    await isAt(first);
  }

  const isCut = first.proxy.cutAt(({ type, towards, bytes }) => {
    if (type !== cell.cut) return false;
    if (type === 'publish') return towards === 'plant' && bytes.includes('p/up/x');
    return type === 'pubrel' || towards === 'gateway';
  });
  await publish('cut');
  await isCut;
  await isAt(second);
  await publish('at the second');
  await until('it is at the second plant', () => payloads(second).includes('at the second'));
  await command(first, 'down/a/x', 'kept');

  if (event === 'lost its session') await loseSession(first);
  if (event === 'lost its disk') await loseDisk(first);
  if (event === 'a route added')
    await applyRoutes([IN_A, IN_B, { in: 'down/c/#', strip: 'down/' }]);
  if (event === 'a route removed') await applyRoutes([IN_A]);
  if (event === 'a route changed') await applyRoutes([IN_A, { ...IN_B, qos: 0 }]);
  await restore?.();
  if (event.startsWith('a route')) await isAt(second);
  first.proxy.open();
  second.proxy.shut();
  await isAt(first);

  const marked = first.proxy.packets.length;
  for (const name of ['a', 'b', 'c']) await command(first, `down/${name}/x`, 'new');
  await publish('after');
  await until('the last one is at the first plant', () => payloads(first).includes('after'));
  const expected = ['a/x new', 'b/x new', 'c/x new'].filter((each) => {
    if (each.startsWith('b')) return event !== 'a route removed';
    return !each.startsWith('c') || event === 'a route added' || restore !== undefined;
  });
  const keeps = !/^(lost|was)/.test(event);
  if (keeps) expected.push('a/x kept');
  await until(`all commands are here, but ${received}`, () =>
    expected.every((each) => received.includes(each)),
  );
  // Each command came in once, and no other one came in.
  expect(received.toSorted()).toEqual(expected.toSorted());
  const phantoms = first.proxy.packets
    .slice(marked)
    .filter(({ type, towards }) => type === 'publish' && towards === 'gateway')
    .map(({ bytes }) => /down\/\w/.exec(bytes.toString('latin1'))?.[0])
    .filter((topic) => topic && !expected.some((each) => `down/${each.slice(0, 1)}` === topic));
  expect(phantoms).toEqual([]);

  await until('nothing is queued', () => link.status.queued === 0);
  const [atFirst, atSecond] = [payloads(first), payloads(second)];
  if (qos > 0) expect([...atFirst, ...atSecond]).toContain('cut');
  if (qos === 2) {
    for (const all of [atFirst, atSecond]) expect(all).toEqual([...new Set(all)]);
  }
  expect(link.status).toMatchObject({
    state: 'connected',
    reason: null,
    deadLetters: 0,
  });
}

describe('nothing is lost between two addresses, no route is missing and none is left', () => {
  const random = createRandom(SEED);
  const sample = CELLS.map((cell) => ({ cell, place: random.next() }))
    .sort((one, other) => one.place - other.place)
    .slice(0, WHOLE ? CELLS.length : SAMPLE)
    .map(({ cell }) => cell);
  test.each(sample)(
    `level $protocol, QoS $qos, cut before $cut, $event (UPLINK_SEED=${SEED})`,
    { timeout: 120_000 },
    tryCell,
  );
});

/** The minute between two checks of the first address takes two seconds. */
const SHORT_MINUTE: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === 60_000 ? 2000 : ms, signal),
};

test.each(WHOLE ? [4, 5] : [4 + (SEED % 2)])(
  'level %i: a first address that accepts connections and says nothing does not end the one that works',
  { timeout: 120_000 },
  async (protocol) => {
    const [first, second] = [await startPlace(), await startPlace()];
    const urls = [first, second].map(({ plant }) => `mqtt://127.0.0.1:${plant.port}`);
    const routes = [{ out: 'up/#', to: 'p/' }, IN_A];
    const keys = { urls, protocol, keepalive: '2s', routes };
    const link = await startPlantLink(tempFolder(), keys, SHORT_MINUTE);
    await link.connected();
    expect(link.status.url).toBe(urls[0]);
    process.kill(first.plant.pid, 'SIGSTOP');
    const isAt = (url: string | undefined): boolean =>
      link.status.state === 'connected' && link.status.url === url;
    try {
      await until('the second address is used', () => isAt(urls[1]), 60_000);
      const { reconnects } = link.status;
      const told = /never answers CONNECT; .* is used$/;
      let checks = 0;
      let was: string | null = null;
      for (let n = 0; checks < 1 || n < 80; n++) {
        await link.publish(`${n}`);
        await until(`${n} is at the second plant`, () => payloads(second).includes(`${n}`), 15_000);
        expect(isAt(urls[1])).toBe(true);
        const { reason } = link.status;
        if (reason !== was && told.test(reason ?? '')) checks++;
        was = reason;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(link.status.reconnects).toBe(reconnects);
      expect(payloads(second)).toEqual([...new Set(payloads(second))]);
    } finally {
      process.kill(first.plant.pid, 'SIGCONT');
    }
    await until('the first address is used again', () => isAt(urls[0]), 60_000);
    await until('nothing is wrong', () => link.status.reason === null, 60_000);
    await link.publish('back');
    await until('it is at the first plant', () => payloads(first).includes('back'), 15_000);
    await command(first, 'down/a/x', 'on');
    await until('the route is there', () => link.received.includes('a/x on'), 15_000);
  },
);
