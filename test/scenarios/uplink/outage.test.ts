import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Generator } from '../../../scripts/bench/generator.mjs';
import { watchSteal } from '../../../scripts/bench/steal.mjs';
import { startGateway } from '../../support/gateway.ts';
import { runMosquitto } from '../../support/mosquitto.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { freePort, type ServerProcess } from '../../support/server-process.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => unknown)[] = [];
async function endAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}
afterEach(endAll);

/** `npm run test:uplink` does all of it; a plain run a fraction, too short for percentiles and ratios. */
const WHOLE = process.env.UPLINK_WHOLE === '1';
const [QUEUED, WARM, WINDOWS] = WHOLE ? [1_000_000, 200_000, 20] : [40_000, 20_000, 1];
/** Beside Mosquitto, one after the other so many times. */
const [COMPARED, ROUNDS] = WHOLE ? [300_000, 5] : [40_000, 1];
/** A while in which something is timed; one in which the host took more of our processors says nothing. */
const WINDOW_MS = 500;
const STEAL = 0.02;
const SOURCES = 10;
const INFLIGHT = 100;
/** Messages a second on the LAN whose way to another client of the LAN is timed. */
const LAN_RATE = 1000;
const MB = 1024 * 1024;

interface Forwarder extends ServerProcess {
  readonly port: number;
}

/** Sends `fill/#` to the plant as `out/fill/#`, at the same window as Mosquitto below. */
async function cellgate(plant: TestPlant): Promise<Forwarder> {
  return startGateway({
    config: {
      uplinks: [
        {
          name: 'plant',
          url: `mqtt://127.0.0.1:${plant.port}`,
          reconnectMax: '1s',
          inflight: INFLIGHT,
          queue: { messages: 2 * QUEUED, bytes: '4GiB' },
          routes: [
            { out: 'fill/#', to: 'out/' },
            { out: 'alarm/#', to: 'out/', priority: 'high' },
          ],
        },
      ],
    },
  });
}

async function mosquitto(plant: TestPlant): Promise<Forwarder> {
  const port = await freePort();
  const server = await runMosquitto([port], () => [
    'allow_anonymous true',
    'log_type error',
    'max_queued_messages 0',
    `max_inflight_messages ${INFLIGHT}`,
    `listener ${port} 127.0.0.1`,
    'connection plant',
    `address 127.0.0.1:${plant.port}`,
    'cleansession false',
    'notifications false',
    'restart_timeout 1',
    'topic fill/# out 1 "" out/',
  ]);
  return Object.assign(server, { port });
}

function generator(): Generator {
  const one = new Generator();
  ends.push(() => one.stop());
  return one;
}

const SINK = { clientId: 'sink', clean: false, filter: 'out/fill/#', qos: 1 };

/** The plant is another machine: what it does on this one gets only the processor time that nobody else wants. */
function farAway(pid: number): void {
  execFileSync('chrt', ['--idle', '-a', '-p', '0', `${pid}`]);
}

/** The plant's subscriber, which keeps its session, and a look at what it has got. */
async function sinkAt(plant: TestPlant, subscribe: boolean): Promise<Generator> {
  const sink = generator();
  farAway(sink.pid!);
  await sink.connect({ target: { port: plant.port }, subscribe: [{ ...SINK, subscribe }] });
  return sink;
}

/** Resolves with messages a second, the median of windows in which the host let us be, and how many never came. */
async function rate(sink: Generator, count: number): Promise<{ perSecond: number; lost: number }> {
  const [quiet, all]: [number[], number[]] = [[], []];
  let moved = performance.now();
  for (let received = 0; ; ) {
    const [began, steal] = [performance.now(), watchSteal()];
    await new Promise((resolve) => setTimeout(resolve, WHOLE ? WINDOW_MS : 50));
    const report = await sink.report();
    const now = performance.now();
    const perSecond = ((report.received - received) * 1000) / (now - began);
    const within = received > 0 && report.received < count;
    if (within) all.push(perSecond);
    if (within && steal() < STEAL) quiet.push(perSecond);
    if (report.received !== received) moved = now;
    received = report.received;
    if (received >= count || now - moved > 20_000) {
      console.log(`drained: ${quiet.length} of ${all.length} windows without the host`);
      return { perSecond: median(quiet.length > 2 ? quiet : all), lost: count - received };
    }
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function rss({ pid }: ServerProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

/** Two clients of one broker's LAN. */
async function lanOf({ port }: Forwarder): Promise<Generator> {
  const lan = generator();
  await lan.connect({
    target: { port },
    publish: [{ clientId: 'lan', topic: 'lan/a', payload: 128, qos: 1, window: 1000 }],
    subscribe: [
      { clientId: 'hmi', clean: true, filter: 'lan/a', qos: 1, subscribe: true, timed: true },
    ],
  });
  return lan;
}

/** The 99th percentile, in milliseconds, of messages from one client of the LAN to another, while `going` holds. */
async function lanP99(lan: Generator, wanted: number, going = async () => true): Promise<number> {
  const times: number[] = [];
  let [windows, tries, heard] = [0, 0, (await lan.report()).latencies.length];
  for (; windows < wanted && tries < 6 * wanted; tries++) {
    const steal = watchSteal();
    await lan.go({ ms: WINDOW_MS, rate: LAN_RATE });
    const stolen = steal();
    const { latencies } = await lan.report();
    if (!(await going())) break;
    if (stolen < STEAL || !WHOLE) {
      windows++;
      times.push(...latencies.slice(heard));
    }
    heard = latencies.length;
  }
  console.log(`LAN: ${windows} of ${tries} windows without the host`);
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

interface Outage {
  readonly perSecond: number;
  readonly lost: number;
  readonly quietP99: number;
  readonly drainP99: number;
  /** The same between clients of a gateway that only stands beside. */
  readonly elsewhereP99: number;
  /** Bytes that memory has grown at most, from the moment before the outage to the end of the drain. */
  readonly grown: number;
}

/** Fills a queue while the plant is away, and times its drain; `meanwhile` runs beside that. */
async function outage(
  start: typeof cellgate,
  { queued, windows }: { queued: number; windows: number },
  meanwhile: (forwarder: Forwarder, plant: TestPlant) => Promise<() => unknown>,
): Promise<Outage> {
  const plant = await startPlant();
  ends.push(() => plant.dispose());
  farAway(plant.pid);
  const warmSink = await sinkAt(plant, true);
  const forwarder = await start(plant);
  ends.push(() => forwarder.dispose());

  const sources = generator();
  await sources.connect({
    target: { port: forwarder.port },
    publish: Array.from({ length: SOURCES }, (_, n) => ({
      clientId: `p${n}`,
      topic: `fill/${n}`,
      payload: 128,
      qos: 1,
      window: 1000,
    })),
  });
  await sources.go({ messages: WARM / SOURCES });
  expect((await rate(warmSink, WARM)).lost).toBe(0);
  // What the drain does to a gateway that has no part in it is the machine's doing.
  const bystander = await startGateway({ config: {} });
  ends.push(() => bystander.dispose());
  const [lan, elsewhere] = [await lanOf(forwarder), await lanOf(bystander)];
  await lanP99(elsewhere, windows);
  await lanP99(lan, windows);
  const quietP99 = await lanP99(lan, windows);

  await warmSink.close();
  await plant.stop();
  const before = rss(forwarder);
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, rss(forwarder));
  }, 100);
  try {
    await sources.go({ messages: queued / SOURCES });
    await plant.restart();
    farAway(plant.pid);
    const sink = await sinkAt(plant, false);
    const drained = rate(sink, queued);
    while ((await sink.report()).received < queued / 100) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const finish = await meanwhile(forwarder, plant);
    const draining = async () => !WHOLE || (await sink.report()).received < queued;
    const drainP99 = await lanP99(lan, windows, draining);
    const elsewhereP99 = await lanP99(elsewhere, windows, draining);
    const { perSecond, lost } = await drained;
    await finish();
    return { perSecond, lost, quietP99, drainP99, elsewhereP99, grown: most - before };
  } finally {
    clearInterval(watch);
    await endAll();
  }
}

test(`${QUEUED} messages queued in an outage reach the plant, and harm nobody meanwhile`, {
  timeout: WHOLE ? 900_000 : 90_000,
}, async () => {
  const urgent: number[] = [];
  const big = await outage(
    cellgate,
    { queued: QUEUED, windows: WINDOWS },
    async (gateway, plant) => {
      const collector = await collect(plant.port, 'out/alarm/#', 1);
      ends.push(() => collector.close());
      const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
      ends.push(() => client.endAsync(true));
      const sent: number[] = [];
      const timer = setInterval(() => {
        client.publish('alarm/a', `${sent.push(performance.now()) - 1}`, { qos: 1 });
      }, 50);
      ends.push(() => clearInterval(timer));
      return async () => {
        clearInterval(timer);
        await collector.until((all) => all.length >= sent.length);
        urgent.push(
          ...collector.arrivals.map(({ at, payload }) => at - (sent[Number(payload)] ?? 0)),
        );
      };
    },
  );
  const rounds: { ours: Outage; theirs: Outage }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const alone = async () => () => undefined;
    const many = { queued: COMPARED, windows: 1 };
    const ours = await outage(cellgate, many, alone);
    rounds.push({ ours, theirs: await outage(mosquitto, many, alone) });
    console.log(`${COMPARED} queued: ${JSON.stringify(rounds.at(-1))}`);
  }

  urgent.sort((a, b) => a - b);
  const urgentP99 = urgent[Math.floor(urgent.length * 0.99)] ?? Number.NaN;
  const ratio = median(rounds.map(({ ours, theirs }) => ours.perSecond / theirs.perSecond));
  console.log(`${QUEUED} queued: ${JSON.stringify({ ...big, urgentP99, ratio })}`);
  for (const { lost } of [big, ...rounds.map(({ ours }) => ours)]) expect(lost).toBe(0);
  expect(urgentP99).toBeLessThanOrEqual(1000);
  if (!WHOLE) return;
  expect(ratio).toBeGreaterThanOrEqual(0.5);
  expect(big.grown).toBeLessThanOrEqual(30 * MB);
  expect(big.drainP99).toBeLessThanOrEqual(2 * big.quietP99);
});
