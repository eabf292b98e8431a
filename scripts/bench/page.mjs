/**
 * `npm run bench:page -- [--cell large|many] [--minutes 10] [--rounds 1]`: what five open pages cost. Needs Chromium
 * (`npm run setup-tests`). `large` is a cell of 60 values at 10 Hz, `many` 200 sensors at 10 Hz. Prints the first load,
 * the gateway's CPU time and memory without and with pages, how smoothly a page is drawn, and whether its memory grows.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { stringify } from 'yaml';
import { argumentsOf, build, ROOT } from '../set-up.mjs';
import { slope } from './slope.mjs';

const { values: options } = argumentsOf({
  options: {
    cell: { type: 'string', default: 'large' },
    minutes: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '1' },
  },
});
const [PAGES, SECONDS] = [5, 15];
const MINUTES = Number(options.minutes);
const ROUNDS = Number(options.rounds);
/** Memory is read so often, after a collection of garbage. */
const MEMORY_EVERY_MS = 30_000;
/** However busy the machine is. */
const PATIENCE_MS = 120_000;
const [PORT, HTTP_PORT] = [28_183, 28_180];
/** Ticks of /proc/PID/stat a second. */
const TICKS = 100;
const FAST = { driver: 'simulated', every: '100ms', timeout: '100ms' };
/** The sensors of a cell, and how many values they have. */
const CELLS = {
  large: {
    values: 60,
    sensors: Array.from({ length: 10 }, (_, number) => ({
      ...{ name: `robot${number}`, signal: 'joint-temperature', seed: number, ...FAST },
    })),
  },
  many: {
    values: 200,
    sensors: Array.from({ length: 200 }, (_, number) => ({
      ...{ name: `sensor${number}`, signal: 'door', ...FAST },
    })),
  },
};
const cell = CELLS[options.cell];
if (!cell) throw new Error(`--cell is one of ${Object.keys(CELLS).join(', ')}`);

/** Counts the frames of five seconds, in the page. */
const FRAMES = `new Promise((resolve) => {
  let frames = 0;
  const from = performance.now();
  const count = () => {
    frames++;
    const ms = performance.now() - from;
    if (ms > 5000) resolve((frames / ms) * 1000);
    else requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
})`;

const folder = mkdtempSync(join(tmpdir(), 'cellgate-bench-'));
const config = {
  cell: 'cell',
  data: join(folder, 'data'),
  broker: { listeners: [{ host: '127.0.0.1', port: PORT }] },
  http: { port: HTTP_PORT },
  log: { level: 'warn' },
  sensors: cell.sensors,
};
writeFileSync(join(folder, 'config.yaml'), stringify(config));
build();

const args = [join(ROOT, 'dist/program/cli.js'), 'run', '--config', join(folder, 'config.yaml')];
const gateway = spawn(process.execPath, args, { stdio: 'inherit' });
try {
  await answers();
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  await firstLoad(browser);
  for (let round = 0; round < ROUNDS; round++) {
    await delay(5000);
    await measure('no page');
    const pages = [];
    for (let number = 0; number < PAGES; number++) pages.push(await open(browser));
    await delay(5000);
    await measure(`${PAGES} pages`);
    console.log(`frames a second: ${(await pages[0].evaluate(FRAMES)).toFixed(1)} (aim: 30)`);
    if (round === ROUNDS - 1 && MINUTES > 0) await memoryOf(pages[0]);
    for (const page of pages) await page.context().close();
  }
  await browser.close();
} finally {
  gateway.kill();
  await once(gateway, 'exit');
  rmSync(folder, { recursive: true });
}

/** Resolves once the gateway has started. */
async function answers() {
  const until = performance.now() + PATIENCE_MS;
  while (!(await fetch(`http://127.0.0.1:${HTTP_PORT}/healthz`).catch(() => undefined))) {
    if (performance.now() > until) throw new Error('the gateway has not started');
    await delay(100);
  }
}

async function open(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`http://127.0.0.1:${HTTP_PORT}/#sensors`);
  await page
    .locator('.tile')
    .nth(cell.values - 1)
    .waitFor({ state: 'attached' });
  return page;
}

/** The bytes and the time of a first visit, until the values are there. */
async function firstLoad(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  const from = performance.now();
  await page.goto(`http://127.0.0.1:${HTTP_PORT}/`);
  await page.locator('.group .value', { hasText: /\d/ }).first().waitFor();
  const ms = Math.round(performance.now() - from);
  console.log(`first load: ${(bytes / 1024).toFixed(0)} KiB (aim: 200), ${ms} ms (aim: 1000)`);
  await context.close();
}

/** Prints the memory of a page over the minutes, and by how much it grows in one, by least squares. */
async function memoryOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  await session.send('Performance.enable');
  const read = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const of = (name) => metrics.find((one) => one.name === name).value;
    return { heap: of('JSHeapUsedSize') / 1e6, nodes: of('Nodes') };
  };
  const points = [];
  const from = performance.now();
  while (performance.now() - from <= MINUTES * 60_000) {
    const { heap, nodes } = await read();
    points.push({ x: (performance.now() - from) / 60_000, y: heap, nodes });
    await delay(MEMORY_EVERY_MS);
  }
  const half = points.slice(Math.floor(points.length / 2));
  const [first, last] = [points[0], points.at(-1)];
  console.log(
    `memory of a page: ${first.y.toFixed(1)} MB at first, ${last.y.toFixed(1)} MB after ${last.x.toFixed(1)} min, ` +
      `${(1000 * slope(half)).toFixed(0)} kB a minute in the second half; nodes ${first.nodes} and ${last.nodes}`,
  );
}

async function measure(what) {
  const [cpu, published, at] = [cpuSeconds(), await sent(), performance.now()];
  await delay(SECONDS * 1000);
  const seconds = (performance.now() - at) / 1000;
  const share = (((cpuSeconds() - cpu) / seconds) * 100).toFixed(1);
  const rate = Math.round(((await sent()) - published) / seconds);
  console.log(`${what}: ${share} % of a core, ${memory()} MB, ${rate} packets a second to clients`);
}

async function sent() {
  const text = await (await fetch(`http://127.0.0.1:${HTTP_PORT}/metrics`)).text();
  return Number(/^cellgate_broker_sent_packets_total (\d+)/m.exec(text)?.[1]);
}

function cpuSeconds() {
  const fields = readFileSync(`/proc/${gateway.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function memory() {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024);
}
