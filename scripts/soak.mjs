/**
 * `npm run soak -- [--minutes 10] [--rate 1000]`: a gateway under steady load with clients that come and go.
 * Every 10 s a line with its memory, its files and the counts; in the end a verdict: both must stay flat.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { argumentsOf, build, ROOT } from './set-up.mjs';

const { values } = argumentsOf({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const rate = Number(values.rate);

/** V8 and the sessions that come and go fill up first. */
const WARM_UP = 0.2;
const EVERY_MS = 10_000;
/** What the last third may have more than the first: a part of it, and some bytes. */
const SLACK = { rss: [0.15, 10 * 2 ** 20], files: [0.25, 4 * 2 ** 20] };
const PUBLISHERS = 10;
const RETAINED = 500;

build();
const folder = mkdtempSync(join(tmpdir(), 'cellgate-soak-'));
const port = await freePort();
const data = join(folder, 'data');
const gateway = await startGateway();
const url = `mqtt://127.0.0.1:${port}`;
const counts = { published: 0, acknowledged: 0, received: 0, connected: 0, errors: 0 };
const clients = new Set();
const samples = [];
let stopping = false;

gateway.once('exit', (code, signal) => {
  if (stopping) return;
  console.error(`the gateway has ended with ${code ?? signal}`);
  rmSync(folder, { recursive: true, force: true });
  process.exit(1);
});

for (let n = 0; n < 6; n++) await subscribe(`steady-${n}`, true, n % 3);
for (let n = 0; n < 6; n++) void comeAndGo(`persistent-${n}`, false, n % 3);
for (let n = 0; n < 6; n++) void comeAndGo(`clean-${n}`, true, n % 3);
const publishers = [];
for (let n = 0; n < PUBLISHERS; n++) publishers.push(await open(`publisher-${n}`, n % 2 === 0));
const stopLoad = load(publishers);

const began = performance.now();
console.log(`gateway ${gateway.pid}, ${rate} messages a second for ${values.minutes} min`);
const reporter = setInterval(report, EVERY_MS);
await new Promise((resolve) => setTimeout(resolve, durationMs));
clearInterval(reporter);
stopping = true;
stopLoad();
for (const client of clients) client.end(true);
gateway.kill('SIGTERM');
await once(gateway, 'exit');
rmSync(folder, { recursive: true, force: true });
process.exit(verdict() ? 0 : 1);

/** Publishes at the rate, six in ten at QoS 0, three at QoS 1, one at QoS 2, one in ten retained. */
function load(connections) {
  const start = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - start) * rate) / 1000);
    for (; sent < due; sent++) {
      const qos = sent % 10 < 6 ? 0 : sent % 10 < 9 ? 1 : 2;
      const client = connections[sent % connections.length];
      const retain = sent % 11 === 0;
      const topic = retain ? `soak/r/${(sent * 7) % RETAINED}` : `soak/t/${sent % 50}`;
      const payload = retain && sent % 5 === 0 ? '' : `${sent} `.padEnd(100 + (sent % 200), '.');
      counts.published++;
      client.publish(topic, payload, { qos, retain }, (error) => {
        if (error) failed(error);
        else if (qos > 0) counts.acknowledged++;
      });
    }
  }, 10);
  return () => clearInterval(timer);
}

async function open(clientId, clean) {
  const client = await mqtt.connectAsync(url, { clientId, clean, reconnectPeriod: 0 });
  clients.add(client);
  counts.connected++;
  client.on('error', failed);
  client.on('message', () => counts.received++);
  client.on('close', () => {
    clients.delete(client);
    counts.connected--;
  });
  return client;
}

async function subscribe(clientId, clean, qos) {
  const client = await open(clientId, clean);
  await client.subscribeAsync(['soak/t/+', 'soak/r/#'], { qos });
  return client;
}

/** There for a while, away for a while; every other time without a word. */
async function comeAndGo(clientId, clean, qos) {
  for (let turn = 0; !stopping; turn++) {
    try {
      const client = await subscribe(clientId, clean, qos);
      await pause(1000 + Math.random() * 5000);
      // mqtt.js reports acknowledgements that it could not send any more as errors.
      client.removeAllListeners('error').on('error', () => undefined);
      if (turn % 2 === 0) await client.endAsync();
      else client.end(true);
      await pause(500 + Math.random() * 4000);
    } catch (error) {
      if (!stopping) failed(error);
      await pause(1000);
    }
  }
}

function failed(error) {
  // What is under way when the soak itself ends is cut off by it.
  if (stopping) return;
  counts.errors++;
  if (counts.errors <= 20) console.log(`error: ${error.message}`);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function report() {
  const rss =
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))[1]) * 1024;
  const sizes = ['', '-wal'].map((part) => sizeOf(join(data, `cellgate.db${part}`)));
  const files = sizes[0] + sizes[1];
  samples.push({ rss, files });
  const seconds = ((performance.now() - began) / 1000).toFixed(0).padStart(4);
  const { published, acknowledged, received, connected, errors } = counts;
  console.log(
    `${seconds} s  rss ${mib(rss)}  db ${mib(sizes[0])}  wal ${mib(sizes[1])}  published ${published}  acknowledged ${acknowledged}  received ${received}  connected ${connected}  errors ${errors}`,
  );
}

function verdict() {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP));
  const third = Math.floor(warm.length / 3);
  if (third === 0) {
    console.log('too short for a verdict');
    return false;
  }
  let flat = counts.errors === 0;
  if (!flat) console.log(`${counts.errors} errors`);
  for (const name of ['rss', 'files']) {
    const first = median(warm.slice(0, third).map((one) => one[name]));
    const last = median(warm.slice(-third).map((one) => one[name]));
    const [part, bytes] = SLACK[name];
    const grows = last > first * (1 + part) + bytes;
    if (grows) flat = false;
    console.log(
      `${name}: ${mib(first)} in the first third, ${mib(last)} in the last: ${grows ? 'GROWS' : 'flat'}`,
    );
  }
  return flat;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function sizeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

async function startGateway() {
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    [
      'cell: soak',
      `data: ${data}`,
      `broker: { listeners: [{ host: 127.0.0.1, port: ${port} }] }`,
      'sensors: [{ name: gripper, driver: simulated, signal: gripper, every: 500ms }]',
      'log: { level: warn }',
      '',
    ].join('\n'),
  );
  const cli = join(ROOT, 'dist/program/cli.js');
  const child = spawn(process.execPath, [cli, 'run', '--config', config], { stdio: 'inherit' });
  process.once('exit', () => child.kill('SIGKILL'));
  for (let n = 0; n < 100; n++) {
    const client = await mqtt
      .connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 }, false)
      .catch(() => undefined);
    if (client) {
      await client.endAsync();
      return child;
    }
    await pause(100);
  }
  throw new Error('the gateway did not start');
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address();
  probe.close();
  await once(probe, 'close');
  return free;
}
