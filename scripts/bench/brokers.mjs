/** Starts the brokers that are compared, each alone on loopback with data of its own, and reads what they cost. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cliOf, ROOT } from '../set-up.mjs';

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** CONNECT of MQTT 3.1.1 with a clean session, without a client id. */
const CONNECT = Buffer.from([0x10, 12, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 0]);

/** Waits for the first CONNACK. */
async function accepts(port, child) {
  for (let i = 0; i < 3000; i++) {
    if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`);
    const up = await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(CONNECT));
      socket.on('data', () => resolve(true) || socket.destroy());
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('the broker did not come up');
}

/** A certificate for the TLS workloads; throws where openssl can't make one. */
function makeCertificate(folder) {
  const made = spawnSync('openssl', [
    ...'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost'.split(' '),
    ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
  ]);
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr}`);
}

/** The limits under the names that a checkout's own schema has. */
function limitsOf(checkout) {
  const schema = readFileSync(join(checkout, 'config/cellgate.schema.json'), 'utf8');
  const [messages, bytes] = [2_000_000, '1GiB'];
  const queue = schema.includes('"tcpKeepalive"')
    ? { queue: { messages, bytes } }
    : { queuedMessages: messages, queuedBytes: bytes };
  const retained = schema.includes('"retainedMessagesPerClient"')
    ? { retainedMessagesPerClient: 100_000 }
    : {};
  return { inflight: 1000, connections: 2000, connectionsPerAddress: 2000, ...queue, ...retained };
}

/** Beside plain MQTT only the listener that the workload uses: an idle one costs memory. */
function gatewayConfig({ checkout, folder, ports, transport, sensors, defaults }) {
  const host = '127.0.0.1';
  const others = {
    ws: { host, port: ports.ws, protocol: 'ws' },
    tls: { host, port: ports.tls, tls: { cert: 'cert.pem', key: 'key.pem' } },
  };
  const other = others[transport];
  return {
    cell: 'gateway',
    data: join(folder, 'data'),
    broker: {
      listeners: [{ host, port: ports.tcp }, ...(other ? [other] : [])],
      ...(defaults ? {} : { limits: limitsOf(checkout) }),
    },
    sensors: Array.from({ length: sensors }, (_, i) => ({
      name: `s${i}`,
      driver: 'simulated',
      signal: 'door',
      every: '100ms',
    })),
    log: { level: 'warn' },
  };
}

function mosquittoConfig({ folder, ports, transport, kind, defaults }) {
  const persistence = {
    mosquitto: ['persistence false'],
    'mosquitto-autosave': ['persistence true', 'autosave_on_changes true', 'autosave_interval 1'],
    'mosquitto-stored': ['persistence true'],
  };
  const lines = [
    'log_type error',
    'allow_anonymous true',
    ...(defaults ? [] : ['max_queued_messages 0', 'max_inflight_messages 1000']),
    ...persistence[kind],
    `persistence_location ${folder}/`,
    `listener ${ports.tcp} 127.0.0.1`,
  ];
  if (transport === 'ws') lines.push(`listener ${ports.ws} 127.0.0.1`, 'protocol websockets');
  if (transport === 'tls') {
    lines.push(
      `listener ${ports.tls} 127.0.0.1`,
      `certfile ${folder}/cert.pem`,
      `keyfile ${folder}/key.pem`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A library that makes each fsync and fdatasync take as long as on an SD card. */
function slowSyncLibrary(folder) {
  const library = join(folder, 'slow-sync.so');
  const source = join(ROOT, 'test/support/slow-sync.c');
  const made = spawnSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
  if (made.status !== 0) throw new Error(`cc could not build ${source}`);
  return library;
}

export const kinds = {
  cellgate: 'cellgate, every acknowledged message on disk',
  mosquitto: 'Mosquitto, no persistence',
  'mosquitto-autosave': 'Mosquitto, autosave_on_changes',
  'mosquitto-stored': 'Mosquitto, written to disk when it ends',
};

/** Folders with a built gateway, by kind. */
const checkouts = { cellgate: ROOT };

/** Adds the gateway of another checkout as the kind `before`; false where that checkout is not built. */
export function addCheckout(folder) {
  checkouts.before = folder;
  return existsSync(cliOf(folder));
}

/** A running broker of one of the kinds; `stop` ends it and removes its data. */
export class Broker {
  /** `options`: sensors, slowSyncMs, transport, and whether the limits are those that users have by default. */
  static async start(kind, keep, options = {}) {
    const { sensors = 0, slowSyncMs = 0, transport = 'tcp', defaults = false } = options;
    const folder = keep?.folder ?? mkdtempSync(join(tmpdir(), 'cellgate-bench-'));
    const ports = keep?.ports ?? {
      tcp: await freePort(),
      ws: await freePort(),
      tls: await freePort(),
    };
    if (transport === 'tls') makeCertificate(folder);
    let command;
    const checkout = checkouts[kind];
    if (checkout) {
      const file = join(folder, 'bench.yaml');
      const config = gatewayConfig({ checkout, folder, ports, transport, sensors, defaults });
      writeFileSync(file, JSON.stringify(config));
      command = [
        process.execPath,
        [
          ...(process.env.BENCH_NODE_FLAGS?.split(' ') ?? []),
          cliOf(checkout),
          'run',
          '--config',
          file,
        ],
      ];
    } else {
      const file = join(folder, 'mosquitto.conf');
      writeFileSync(file, mosquittoConfig({ folder, ports, transport, kind, defaults }));
      spawnSync('chmod', ['-R', 'a+rwX', folder]);
      command = ['mosquitto', ['-c', file]];
    }
    const began = performance.now();
    const slow = slowSyncMs && { LD_PRELOAD: slowSyncLibrary(folder), SLOW_SYNC_MS: slowSyncMs };
    const env = { ...process.env, ...slow };
    const child = spawn(command[0], command[1], { stdio: ['ignore', 'inherit', 'inherit'], env });
    await accepts(ports.tcp, child);
    return new Broker(kind, child, folder, ports, performance.now() - began);
  }

  constructor(kind, child, folder, ports, startMs) {
    Object.assign(this, { kind, child, folder, ports, startMs });
  }

  /**
   * CPU milliseconds; resident bytes, and those of them that belong to no file; bytes written to files; how often it has
   * asked the kernel to read or write. As far as the kernel reports them.
   */
  cost() {
    const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const io = readFileSync(`/proc/${this.child.pid}/io`, 'utf8');
    return {
      cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
      rss: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024,
      anonymous: Number(/RssAnon:\s+(\d+)/.exec(status)[1]) * 1024,
      written: Number(/^write_bytes: (\d+)/m.exec(io)[1]),
      calls: Number(/^syscr: (\d+)/m.exec(io)[1]) + Number(/^syscw: (\d+)/m.exec(io)[1]),
    };
  }

  async stop({ keepData = false, signal = 'SIGTERM' } = {}) {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await ended;
    if (!keepData) rmSync(this.folder, { recursive: true, force: true });
  }
}

export function mosquittoVersion() {
  const asked = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' });
  return /version (\S+)/.exec(asked.stdout ?? '')?.[1];
}
