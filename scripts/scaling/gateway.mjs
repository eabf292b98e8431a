/** Starts one gateway or Mosquitto on loopback for a measurement, with data of its own, and reads what it costs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { cliOf, ROOT } from '../set-up.mjs';

const LIMITS = {
  ...{ connections: 3000, connectionsPerAddress: 3000 },
  ...{ subscriptions: 200_000, subscriptionsPerClient: 100_000, subscriptionBytes: '64MiB' },
  ...{ subscriptionBytesPerClient: '64MiB', retainedMessagesPerClient: 100_000 },
  queue: { messages: 5_000_000, bytes: '4GiB' },
};

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds of processor time and bytes of memory of a process, now and at most. */
export function costOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
    rss: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024,
    most: Number(/VmHWM:\s+(\d+)/.exec(status)[1]) * 1024,
  };
}

/** A running gateway of a checkout, or Mosquitto. */
export class Target {
  /**
   * `config` is added to a small config; `--before` has the checkout of the kind `before`; `turns` measures the turns of
   * the event loop, which takes some processor time.
   */
  static async start(kind, { config = {}, ...options } = {}) {
    const target = await Target.prepared(kind, options);
    target.configure(config);
    await target.run();
    return target;
  }

  /** The same, before it is configured and started; `preload` are modules that its processes load first. */
  static async prepared(kind, { before, env = {}, preload = [], turns = false } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'cellgate-scaling-'));
    const [port, httpPort] = [await freePort(), await freePort()];
    const checkout = kind === 'before' ? before : ROOT;
    return new Target(kind, {
      ...{ checkout, folder, port, httpPort, preload },
      ...{ env: { ...env }, hasTurns: turns },
    });
  }

  kill = () => this.child.kill('SIGKILL');

  /** The output of its processes: a file descriptor. */
  output = 'inherit';

  constructor(kind, parts) {
    Object.assign(this, { kind, ...parts });
    const { folder, port } = parts;
    this.url = `mqtt://127.0.0.1:${port}`;
    this.file = join(folder, 'config.yaml');
  }

  /** Writes the config file. */
  configure({ broker, http, ...config }) {
    const listeners = [{ host: '127.0.0.1', port: this.port }];
    writeFileSync(
      this.file,
      this.kind === 'mosquitto'
        ? `log_type error\nallow_anonymous true\nmax_queued_messages 0\npersistence true\npersistence_location ${this.folder}/\nuser root\nlistener ${this.port} 127.0.0.1\n`
        : JSON.stringify({
            cell: 'scaling',
            data: join(this.folder, 'data'),
            broker: { listeners, limits: LIMITS, ...broker },
            sensors: [],
            log: { level: 'warn' },
            ...(http && { http: { port: this.httpPort, ...http } }),
            ...config,
          }),
    );
  }

  async run() {
    const probe = pathToFileURL(join(ROOT, 'test/support/turn-probe.js'));
    this.turnSocket = join(this.folder, 'turns');
    rmSync(this.turnSocket, { force: true });
    const modules = [...(this.hasTurns ? [probe] : []), ...this.preload];
    const env = {
      ...{ ...process.env, ...this.env, TURN_PROBE: this.turnSocket },
      NODE_OPTIONS: modules.map((url) => `--import=${url}`).join(' '),
    };
    const words = [cliOf(this.checkout), 'run', '--config', this.file];
    const stdio = ['ignore', this.output, this.output];
    const began = performance.now();
    this.child =
      this.kind === 'mosquitto'
        ? spawn('mosquitto', ['-c', this.file], { stdio })
        : spawn(process.execPath, words, { stdio, env });
    process.off('exit', this.kill);
    process.once('exit', this.kill);
    for (;;) {
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}`);
      const socket = connect(this.port, '127.0.0.1');
      const up = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (up) break;
      await pause(20);
    }
    this.startMs = performance.now() - began;
  }

  cost() {
    return costOf(this.child.pid);
  }

  /** Processor time in milliseconds of the second of two runs of `work(0)` and `work(1)`: the first one compiles the code. */
  async warmMs(work) {
    await work(0);
    const before = this.cost().cpuMs;
    await work(1);
    return this.cost().cpuMs - before;
  }

  /** The least of the longest turns of three runs of `work(n)`, in milliseconds: the first run compiles the code. */
  async longestTurn(work) {
    let longest = Number.POSITIVE_INFINITY;
    for (let n = 1; n <= 3; n++) {
      await this.turns();
      await work(n);
      longest = Math.min(longest, (await this.turns()).longest);
    }
    return longest;
  }

  /** The longest turn of the event loop since the last call, and all of them together, in milliseconds of processor time. */
  async turns() {
    if (!existsSync(this.turnSocket)) return { longest: 0, ran: 0 };
    const { turns } = JSON.parse(await text(connect(this.turnSocket)));
    return { longest: Math.max(0, ...turns), ran: turns.reduce((sum, ms) => sum + ms, 0) };
  }

  /** Runs a verb on the gateway's data: its exit code, output, duration and processor time, all in milliseconds. */
  async verb(...words) {
    const began = performance.now();
    // The shell's own clock has the processor time of the child, which is gone when it has ended.
    const command = 'TIMEFORMAT="cpu %U %S"; time "$@"';
    const cli = cliOf(this.checkout);
    const run = [process.execPath, cli, ...words, '--config', this.file];
    const child = spawn('bash', ['-c', command, 'bash', ...run], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (child.exitCode === null) await once(child, 'exit');
    const [, user, system] = /^cpu (\S+) (\S+)$/m.exec(errors);
    return {
      ...{ out, code: child.exitCode, errors: errors.replace(/^cpu .*$/m, '').trim() },
      ms: performance.now() - began,
      cpuMs: (Number(user) + Number(system)) * 1000,
    };
  }

  async end(signal = 'SIGTERM') {
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }

  async dispose() {
    process.off('exit', this.kill);
    if (this.child.exitCode === null && this.child.signalCode === null) await this.end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
