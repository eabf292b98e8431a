/**
 * `npm run bench:page`: what 200 sensors at 10 Hz and five open pages cost. Needs Chromium (`npm run setup-tests`).
 * Prints the gateway's CPU time and memory without and with pages, and how smoothly a page is drawn.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { stringify } from 'yaml';
import { build, ROOT } from '../set-up.mjs';

const [SENSORS, PAGES, SECONDS, ROUNDS] = [200, 5, 15, 2];
/** However busy the machine is. */
const PATIENCE_MS = 120_000;
const [PORT, HTTP_PORT] = [28_183, 28_180];
/** Ticks of /proc/PID/stat a second. */
const TICKS = 100;

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
  sensors: Array.from({ length: SENSORS }, (_, number) => ({
    name: `sensor${number}`,
    driver: 'simulated',
    signal: 'door',
    every: '100ms',
    timeout: '100ms',
  })),
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
  for (let round = 0; round < ROUNDS; round++) {
    await delay(5000);
    await measure('no page');
    const pages = [];
    for (let number = 0; number < PAGES; number++) pages.push(await open(browser));
    await delay(5000);
    await measure(`${PAGES} pages`);
    console.log(`frames a second: ${(await pages[0].evaluate(FRAMES)).toFixed(1)}`);
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
    .nth(SENSORS - 1)
    .waitFor({ state: 'attached' });
  return page;
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
