/**
 * `npm run screenshots`: takes the pictures of the page that the README shows, from a running simulated cell with
 * a plant. Needs Chromium and Mosquitto (`npm run setup-tests`); takes two minutes, so that the charts have data.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mqtt from 'mqtt';
import { chromium } from 'playwright-core';
import { parse, stringify } from 'yaml';
import { build, ROOT } from './set-up.mjs';

const CHART_MS = 120_000;
const CUT_MS = 25_000;
const PICTURES = [
  { name: 'page-light', tab: 'overview', width: 1280, height: 860, colorScheme: 'light' },
  { name: 'page-dark', tab: 'sensors', width: 1280, height: 860, colorScheme: 'dark' },
  {
    ...{ name: 'page-phone', tab: 'overview', width: 360, height: 780 },
    ...{ colorScheme: 'light', deviceScaleFactor: 2 },
  },
  {
    ...{ name: 'page-sensor', tab: 'sensors/robot%2Fj1,robot%2Fj2,door%2Fclosed;5min' },
    ...{ width: 1280, height: 860, colorScheme: 'light' },
  },
  { name: 'page-uplink', tab: 'plant', width: 1280, height: 860, colorScheme: 'light' },
];

const folder = mkdtempSync(join(tmpdir(), 'cellgate-screenshots-'));
const [port, wsPort, httpPort, plantPort] = await Promise.all([1, 2, 3, 4].map(freePort));

const config = parse(readFileSync(join(ROOT, 'config/sim.yaml'), 'utf8'));
config.data = join(folder, 'data');
config.broker.listeners[0].port = port;
config.broker.listeners[1].port = wsPort;
config.http.port = httpPort;
// On the picture everything is the cell's own, and one sensor is missing.
config.sensors = config.sensors.filter(({ driver }) => driver !== 'host');
config.sensors.splice(2, 0, { name: 'coolant', driver: 'tmp102', bus: 'i2c-1', address: 0x48 });
// A chart with a limit.
const [robot] = config.sensors;
robot.history = { keep: '90d' };
robot.alarms = [{ name: 'warm', channel: 'j1', above: 32, text: 'Joint 1 is too warm' }];
config.uplinks = [
  {
    name: 'plant',
    url: `mqtt://127.0.0.1:${plantPort}`,
    reconnectMax: '1s',
    routes: [{ out: '#', to: 'line4/' }],
  },
];
writeFileSync(join(folder, 'config.yaml'), stringify(config));
const mosquitto = ['user root', `listener ${plantPort} 127.0.0.1`, 'allow_anonymous true'];
writeFileSync(join(folder, 'mosquitto.conf'), `${mosquitto.join('\n')}\n`);

build();
const running = new Set();
try {
  const gateway = join(ROOT, 'dist/program/cli.js');
  let plant = start('/usr/sbin/mosquitto', '-c', join(folder, 'mosquitto.conf'));
  start(process.execPath, gateway, 'run', '--config', join(folder, 'config.yaml'));
  await answers();
  const clients = await Promise.all(['plc-line4', 'hmi-panel'].map(connect));
  await clients[1].publishAsync('robotcell1/stacklight/green/set', 'on', { qos: 1 });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  await delay(CHART_MS - CUT_MS);
  // The line goes and comes: its chart has something to show.
  plant.kill();
  await once(plant, 'exit');
  await delay(CUT_MS);
  plant = start('/usr/sbin/mosquitto', '-c', join(folder, 'mosquitto.conf'));
  await delay(8000);
  for (const picture of PICTURES) await take(browser, picture);
  await browser.close();
  await Promise.all(clients.map((client) => client.endAsync(true)));
} finally {
  for (const child of running) child.kill();
  await Promise.all([...running].map((child) => once(child, 'exit')));
  rmSync(folder, { recursive: true, force: true });
}

/** Resolves once the gateway has started, however busy the machine is. */
async function answers() {
  while (!(await fetch(`http://127.0.0.1:${httpPort}/healthz`).catch(() => undefined))) {
    await delay(200);
  }
}

function start(command, ...args) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'ignore' });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function connect(clientId) {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { clientId, clean: false });
  await client.subscribeAsync('robotcell1/#', { qos: 1 });
  return client;
}

async function take(browser, { name, tab, width, height, ...options }) {
  const context = await browser.newContext({
    viewport: { width, height },
    locale: 'en',
    ...options,
  });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${httpPort}/#${tab}`);
  await page.locator('body[data-state="live"]').waitFor();
  await delay(4000);
  const path = join(ROOT, 'docs/images', `${name}.png`);
  await page.screenshot({ path });
  console.log(path);
  await context.close();
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
}
