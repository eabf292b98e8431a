import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as packets from '../../../support/packets.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { until } from '../../../support/until.ts';
import { CODEC_3 } from '../../crash/kill/codec.ts';
import { isClean, judge, type Trail } from '../../crash/kill/ledger.ts';
import { Publisher } from '../../crash/kill/publisher.ts';
import { Subscriber } from '../../crash/kill/subscriber.ts';
import { Wire } from '../../crash/kill/wire.ts';
import { type Gateway, type Reading, startGateway } from '../gateway.ts';
import type { Machine } from '../machine.ts';
import { theMachine } from '../the-machine.ts';

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const EVERY_MS = 500;
const WATCHED_MS = 6000;
/** How long an emulated machine on a busy host may take for what must come. */
const PATIENCE_MS = 30_000;

/** The plant is not there, so that what is for it grows old. All bounds of age are at their default of seven days. */
const YAML = `
sensors: [ { name: robot, driver: simulated, signal: joint-temperature, every: ${EVERY_MS}ms } ]
uplinks:
  - name: plant
    url: mqtt://127.0.0.1:1999
    routes: [ { out: 'cell/load/#', to: plant/ } ]
`;

let machine: Machine;
let gateway: Gateway;

beforeAll(async () => {
  machine = await theMachine();
  gateway = await startGateway(machine, YAML);
});

afterAll(async () => {
  await gateway?.end();
  await machine?.shell(`date -s @${Math.floor(Date.now() / 1000)}`);
});

/** Sets the machine's clock to so many seconds before or after this one's. */
const setClock = (aheadS: number): Promise<string> =>
  machine.shell(`date -s @${Math.floor(Date.now() / 1000) + aheadS}`);

/** A persistent session that is away, and a publisher who counts what was acknowledged for it. */
async function startLoad(name: string) {
  const { port } = machine;
  const topic = `cell/load/${name}`;
  const trail: Trail = { topic, qos: 1, published: 0, acknowledged: new Set(), received: [] };
  const load = { window: 20, rate: 50, size: 20, limit: 100_000 };
  const options = { qos: 1, codec: CODEC_3, ...load } as const;
  const publisher = new Publisher(port, `${name}-p`, [trail], options);
  const subscriber = new Subscriber(port, `${name}-s`, [trail], 1, 0, CODEC_3);
  await subscriber.connect();
  await subscriber.subscribe();
  await subscriber.leave();
  await publisher.connect();
  await publisher.enrol();
  publisher.load();
  return { trail, publisher, subscriber };
}

/** Resolves when more than ten of its messages are acknowledged. */
function underWay({ publisher }: Awaited<ReturnType<typeof startLoad>>): Promise<void> {
  return until('messages are acknowledged', () => publisher.acknowledgements > 10, PATIENCE_MS);
}

/** The session is there again and gets everything that was acknowledged, in order. */
async function collect({ trail, publisher, subscriber }: Awaited<ReturnType<typeof startLoad>>) {
  await publisher.finish();
  await subscriber.connect();
  await Promise.race([subscriber.caughtUp(), delay(PATIENCE_MS)]);
  await subscriber.leave();
  const forgotten = subscriber.sessionPresent ? [] : [subscriber.clientId];
  const { violations, unmarked } = subscriber;
  const trails = [trail];
  return judge({ trails, retained: [], subscriptions: [], forgotten, violations, unmarked });
}

/** The readings of one joint that came from `from` on. */
const readingsFrom = (from: number): Reading[] =>
  gateway.messages
    .slice(from)
    .filter(({ topic, retained }) => topic === 'robot/j1' && !retained)
    .map(({ payload }) => JSON.parse(payload) as Reading);

/** The next status of the uplink, which the gateway publishes every second: the retained one may be older than the call. */
async function plant(): Promise<{ queued: number; dropped: Record<string, number> }> {
  const client = await RawClient.open('tcp', machine.port, PATIENCE_MS);
  await client.connect();
  await client.subscribe(['$SYS/cellgate/uplink/plant', 0]);
  let status = await client.next('publish');
  while (status.retain) status = await client.next('publish');
  client.destroy();
  return JSON.parse(status.payload);
}

/** Neither does sampling stand still until the clock is back, nor is what it has jumped over made up for. */
function expectPace(readings: readonly Reading[]): void {
  const wanted = WATCHED_MS / EVERY_MS;
  expect(readings.length).toBeGreaterThan(wanted / 3);
  expect(readings.length).toBeLessThan(wanted * 3);
}

test.each([
  ['an hour ahead', HOUR_S],
  ['an hour back', -HOUR_S],
  ['30 days ahead', 30 * DAY_S],
  ['30 days back', -30 * DAY_S],
])('the clock jumps %s under load', async (name, jump) => {
  await setClock(0);
  const queuedBefore = (await plant()).queued;
  const load = await startLoad(name.replaceAll(' ', '-'));
  const pinging = await Wire.connect(machine.port, { keepalive: 2 }, () => undefined);
  const pings = setInterval(() => pinging.wire.send(packets.pingreq), 1000);
  const silent = await Wire.connect(machine.port, { keepalive: 2 }, () => undefined);
  const connected = performance.now();
  let silentMs = Number.POSITIVE_INFINITY;
  void silent.wire.closed.then(() => {
    silentMs = performance.now() - connected;
  });
  await underWay(load);
  const acknowledgedBefore = load.publisher.acknowledgements;

  await setClock(jump);
  const from = gateway.messages.length;
  await delay(WATCHED_MS);

  const readings = readingsFrom(from);
  expectPace(readings);
  const first = readings[0]!.seq;
  expect(readings.map(({ seq }) => seq)).toEqual(readings.map((_, n) => first + n));
  const last = readings.at(-1)!;
  expect(last.quality).toBe('good');
  expect(Math.abs(Date.parse(last.time) - Date.now() - jump * 1000)).toBeLessThan(5000);

  await until(
    'the silent client is cut off',
    () => silentMs < Number.POSITIVE_INFINITY,
    PATIENCE_MS,
  );
  expect(silentMs).toBeGreaterThan(2500);
  expect(pinging.wire.open).toBe(true);
  clearInterval(pings);
  pinging.wire.destroy();

  expect(load.publisher.acknowledgements - acknowledgedBefore).toBeGreaterThan(10);
  load.publisher.pause();
  const verdict = await collect(load);
  expect(isClean(verdict), verdict.faults.join('\n')).toBe(true);
  const { queued, dropped } = await plant();
  expect(queued).toBeGreaterThanOrEqual(queuedBefore + verdict.acknowledged);
  expect(dropped).toEqual({});
});

test('the clock stands at 1970 when the gateway starts, and is set later', async () => {
  await gateway.end();
  await machine.shell('date -s @100');
  await gateway.start();
  const uncertain = await gateway.next('robot/j1', ({ quality }) => quality === 'uncertain');
  expect(uncertain.reason).toBe('clock not yet set');
  const load = await startLoad('first-sync');
  await underWay(load);

  await setClock(0);
  const from = gateway.messages.length;
  await gateway.next('robot/j1', ({ quality }) => quality === 'good', PATIENCE_MS);
  await delay(WATCHED_MS);
  const readings = readingsFrom(from);
  expectPace(readings);
  expect(Math.abs(Date.parse(readings.at(-1)!.time) - Date.now())).toBeLessThan(5000);
  load.publisher.pause();
  await load.publisher.finish();
  await load.publisher.leave();
  const { queued } = await plant();

  await gateway.end();
  await gateway.start();
  // Each takes a second of the gateway, in which what is too old is looked for several times.
  for (let rounds = 0; rounds < 2; rounds++) await plant();
  const verdict = await collect(load);
  expect(verdict.received).toBeGreaterThan(10);
  expect(isClean(verdict), verdict.faults.join('\n')).toBe(true);
  expect(await plant()).toMatchObject({ queued, dropped: {} });
});
