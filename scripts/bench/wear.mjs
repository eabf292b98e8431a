/**
 * `npm run bench:wear -- [--case NAME …] [--seconds 60] [--checkout FOLDER …]`: what the gateway writes to its disk.
 * Bytes are counted three times: by the kernel (`write_bytes` of /proc/PID/io, whole pages), and by file: the frames of
 * the write-ahead log by its index in shared memory, the database by the bytes of the writer's thread beyond these.
 * Where it lasts half an hour or longer, also by how much the resident memory grows after a third of the time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import mqtt from 'mqtt';
import { argumentsOf, build, cliOf, ROOT } from '../set-up.mjs';
import { median } from './report.mjs';
import { slope } from './slope.mjs';

const YEAR_S = 365.25 * 86_400;
const WARM_UP_S = 10;
/** Of the write-ahead log, between two looks: it must not begin again twice in this time. */
const LOOK_MS = 20;
const MEMORY_EVERY_MS = 5000;
/** Shorter than this, memory still grows to its size. */
const MEMORY_FROM_S = 1800;
/** [sqlite.org/walformat.html: the WAL-index header, then the checkpoint information] */
const MAX_FRAME_AT = 16;
const FRAME_HEAD = 24;

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** 200 sensors with six channels each: 1,200 topics. */
const sensors = () =>
  Array.from({ length: 200 }, (_, n) => ({
    name: `s${n}`,
    driver: 'simulated',
    signal: 'joint-temperature',
    seed: n,
    every: '1s',
  }));

const CASES = {
  idle: { describe: 'nothing' },
  readings: {
    describe: '1,200 readings at 1 Hz, readingsWithin 1s',
    config: () => ({ sensors: sensors() }),
    readings: 1200,
  },
  'retained-large': {
    describe: '10 KB retained messages overwritten, QoS 1, 20 a second on 20 topics',
    load: (load) =>
      load.publish({ rate: 20, topics: 20, bytes: 10_000, retain: true, random: true }),
  },
  'retained-large-one': {
    describe:
      '10 KB retained messages of changing size, one after the other is acknowledged, 10 a second',
    load: (load) =>
      load.publish({ rate: 10, topics: 20, bytes: 10_000, vary: 2000, retain: true, random: true }),
  },
  'retained-small': {
    describe: 'retained messages of 100 B overwritten, QoS 1, 500 a second on 500 topics',
    load: (load) => load.publish({ rate: 500, topics: 500, bytes: 100, retain: true }),
  },
  'retained-small-0': {
    describe: 'retained messages of 100 B overwritten, QoS 0, 500 a second on 500 topics',
    load: (load) => load.publish({ rate: 500, topics: 500, bytes: 100, retain: true, qos: 0 }),
  },
  ordinary: {
    describe:
      '500 messages a second, 200 sensors with 1,200 topics, a line that is down a third of the time',
    config: ({ plantPort }) => ({ sensors: sensors(), uplinks: uplinks(plantPort) }),
    readings: 1200,
    line: { upMs: 10_000, downMs: 5000 },
    load: (load) => load.publish({ rate: 500, topics: 50, bytes: 120 }),
  },
};

const uplinks = (port) => [
  {
    name: 'plant',
    url: `mqtt://127.0.0.1:${port}`,
    reconnectMax: '1s',
    routes: [{ out: '#', to: 'p/' }],
  },
];

const { values: options } = argumentsOf({
  options: {
    case: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '60' },
    checkout: { type: 'string', multiple: true },
    within: { type: 'string', default: '1s' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(`npm run bench:wear -- [--case NAME …] [--seconds 60] [--checkout FOLDER …] [--within 1s]

  --case      one or more of:
${Object.entries(CASES)
  .map(([name, { describe }]) => `              ${name.padEnd(20)}${describe}`)
  .join('\n')}
  --checkout  other built checkouts, measured in turn with this one
  --within    store.readingsWithin`);
  process.exit(0);
}

async function measure(checkout, { config, line, load, readings = 0 }) {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-wear-'));
  const plant = line && (await openPlant(line, folder));
  const gateway = await startGateway(checkout, folder, config?.({ plantPort: plant?.port }) ?? {});
  const stop = load && (await load(new Load(gateway.port)));
  try {
    await wait(WARM_UP_S * 1000);
    const log = new LogWatch(join(folder, 'data/cellgate.db'));
    const writer = writerOf(gateway.pid);
    const before = { ...counted(gateway.pid, writer), log: log.bytes, sent: stop?.sent() ?? 0 };
    const began = performance.now();
    const memory = [];
    while (performance.now() - began < Number(options.seconds) * 1000) {
      memory.push({ x: (performance.now() - began) / 3_600_000, y: residentMb(gateway.pid) });
      await wait(Math.min(MEMORY_EVERY_MS, Number(options.seconds) * 1000));
    }
    const seconds = (performance.now() - began) / 1000;
    const after = { ...counted(gateway.pid, writer), log: log.bytes, sent: stop?.sent() ?? 0 };
    log.close();
    if (plant && seconds > 60 && plant.connections() < 2)
      throw new Error('the gateway did not come back to the plant: this measures a dead line');
    const rate = (key) => (after[key] - before[key]) / seconds;
    if (seconds >= MEMORY_FROM_S) console.log(`resident MB, by tenth: ${tenthsOf(memory)}`);
    const messages = rate('sent') + readings;
    const [kernel, ofLog, all] = [rate('kernel'), rate('log'), rate('written')];
    return [
      kib(kernel),
      kib(ofLog),
      kib(all - ofLog),
      ((kernel * YEAR_S) / 1e12).toFixed(2),
      messages > 0 ? Math.round(kernel / messages) : '–',
      (log.commits / seconds).toFixed(1),
      rate('cpuMs').toFixed(1),
      memory.at(-1).y.toFixed(0),
      seconds < MEMORY_FROM_S ? '–' : slope(memory.slice(Math.ceil(memory.length / 3))).toFixed(1),
    ];
  } finally {
    await stop?.end();
    gateway.child.kill('SIGTERM');
    await once(gateway.child, 'exit');
    plant?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The median of each tenth of the time: whether a slope is growth or the sawtooth of garbage collection. */
function tenthsOf(points) {
  const tenth = Math.ceil(points.length / 10);
  const medians = [];
  for (let at = 0; at < points.length; at += tenth) {
    medians.push(median(points.slice(at, at + tenth).map(({ y }) => y)).toFixed(0));
  }
  return medians.join(' ');
}

function kib(bytes) {
  return (bytes / 1000).toFixed(1);
}

async function startGateway(checkout, folder, config) {
  const port = await freePort();
  const file = join(folder, 'config.yaml');
  const whole = {
    cell: 'cell',
    data: join(folder, 'data'),
    broker: { listeners: [{ host: '127.0.0.1', port }] },
    store: { readingsWithin: options.within },
    log: { level: 'error' },
    ...config,
  };
  writeFileSync(file, JSON.stringify(whole));
  const cli = cliOf(checkout);
  const child = spawn(process.execPath, [cli, 'run', '--config', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (let n = 0; n < 600 && child.exitCode === null; n++) {
    if (await accepts(port)) return { child, port, pid: child.pid };
    await wait(50);
  }
  throw new Error('the gateway did not start');
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

function accepts(port) {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => done(true) || socket.destroy());
    socket.on('error', () => done(false));
  });
}

/** Mosquitto as the plant, behind a line that is up and down in turn. */
async function openPlant({ upMs, downMs }, folder) {
  const port = await freePort();
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  const broker = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
  let failure;
  broker.on('error', ({ message }) => {
    failure = message;
  });
  while (!(await accepts(port))) {
    if (failure ?? broker.exitCode)
      throw new Error(`mosquitto, the plant, did not start: ${failure ?? broker.exitCode}`);
    await wait(50);
  }
  const lines = new Set();
  let isUp = true;
  let connections = 0;
  const server = net.createServer((near) => {
    if (!isUp) return near.destroy();
    connections++;
    const far = net.connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      lines.add(one.setNoDelay(true));
      one.pipe(other);
      one.on('error', () => undefined);
      one.on('close', () => lines.delete(one) && other.destroy());
    }
  });
  const cut = () => {
    for (const socket of lines) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let timer;
  const turn = () => {
    isUp = !isUp;
    if (!isUp) cut();
    timer = setTimeout(turn, isUp ? upMs : downMs);
  };
  timer = setTimeout(turn, upMs);
  return {
    port: server.address().port,
    connections: () => connections,
    close() {
      clearTimeout(timer);
      cut();
      server.close();
      broker.kill();
    },
  };
}

/** Messages at a steady rate, each topic in its turn. */
class Load {
  constructor(port) {
    this.port = port;
  }

  async publish({
    rate,
    topics,
    bytes,
    vary = 0,
    qos = 1,
    retain = false,
    random = false,
    nagle = false,
  }) {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${this.port}`, { reconnectPeriod: 0 });
    client.on('error', (error) => console.error(error.message));
    client.stream.setNoDelay(!nagle);
    const began = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) * rate) / 1000);
      for (; sent < due; sent++) {
        const topic = `line/${sent % topics}/state`;
        const length = bytes - (vary > 0 ? (sent * 7919) % vary : 0);
        const payload = random ? randomBytes(length) : JSON.stringify(state(sent, length));
        client.publish(topic, payload, { qos, retain });
      }
    }, 2);
    return {
      sent: () => sent,
      async end() {
        clearInterval(timer);
        await client.endAsync(true);
      },
    };
  }
}

function state(n, length) {
  const now = new Date().toISOString();
  const one = { part: n, torque: Math.round(Math.random() * 1e5) / 100, ok: n % 50 !== 0, at: now };
  const rest = length - JSON.stringify(one).length - 9;
  return rest > 0 ? { ...one, pad: 'x'.repeat(rest) } : one;
}

function randomBytes(length) {
  const bytes = Buffer.allocUnsafe(length);
  for (let n = 0; n < length; n++) bytes[n] = Math.random() * 256;
  return bytes;
}

/** The thread of the process that writes to files: the worker, whose writes no socket gets. */
function writerOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const written = (id) => Number(/^wchar: (\d+)/m.exec(ioOf(`${pid}/task/${id}`))[1]);
  const others = threads.filter((id) => id !== String(pid));
  return others.reduce((most, id) => (written(id) > written(most) ? id : most));
}

function ioOf(path) {
  return readFileSync(`/proc/${path}/io`, 'utf8');
}

function residentMb(pid) {
  return (
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1] * 1024) / 1e6
  );
}

function counted(pid, writer) {
  const stat = readFileSync(`/proc/${pid}/task/${writer}/stat`, 'utf8').split(') ')[1].split(' ');
  return {
    kernel: Number(/^write_bytes: (\d+)/m.exec(ioOf(pid))[1]),
    written: Number(/^wchar: (\d+)/m.exec(ioOf(`${pid}/task/${writer}`))[1]),
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
  };
}

/** Counts the frames that are added to a write-ahead log. */
class LogWatch {
  bytes = 0;
  commits = 0;

  constructor(database) {
    const header = Buffer.alloc(18);
    const file = openSync(database, 'r');
    readSync(file, header, 0, 18, 0);
    closeSync(file);
    const size = header.readUInt16BE(16);
    this.pageSize = size === 1 ? 65_536 : size;
    this.index = `${database}-shm`;
    this.handle = existsSync(this.index) ? openSync(this.index, 'r') : undefined;
    this.last = this.look();
    this.timer = setInterval(() => this.tick(), LOOK_MS);
  }

  look() {
    const head = Buffer.alloc(24);
    if (this.handle !== undefined) readSync(this.handle, head, 0, 24, 0);
    return { frames: head.readUInt32LE(MAX_FRAME_AT), changes: head.readUInt32LE(8) };
  }

  tick() {
    const now = this.look();
    const added = now.frames - (now.frames < this.last.frames ? 0 : this.last.frames);
    this.bytes += added * (this.pageSize + FRAME_HEAD);
    this.commits += Math.max(0, now.changes - this.last.changes);
    this.last = now;
  }

  close() {
    this.tick();
    clearInterval(this.timer);
    if (this.handle !== undefined) closeSync(this.handle);
  }
}

const names = options.case ?? Object.keys(CASES).filter((name) => name !== 'idle');
const unknown = names.find((name) => !CASES[name]);
if (unknown) {
  console.error(`There is no case ${unknown}: ${Object.keys(CASES).join(', ')}`);
  process.exit(2);
}
build();
const checkouts = [ROOT, ...(options.checkout ?? []).map((folder) => resolve(folder))];
console.log(
  '| case | of | kernel KB/s | log KB/s | database KB/s | TB a year | B a message | commits/s | ms of the thread a s | MB resident | MB an hour |\n|---|---|---|---|---|---|---|---|---|---|---|',
);
for (const name of names) {
  for (const checkout of checkouts) {
    const figures = await measure(checkout, CASES[name]);
    const of = checkout === ROOT ? 'this' : checkout;
    console.log(`| ${name} | ${of} | ${figures.join(' | ')} |`);
  }
}
