/** What the commands for queues cost. */
import { spawn } from 'node:child_process';
import { cliOf } from '../set-up.mjs';
import { Client, sessions } from './clients.mjs';
import { costOf, pause } from './gateway.mjs';

const uplinkConfig = {
  uplinks: [
    {
      ...{ name: 'plant', url: 'mqtt://127.0.0.1:9' },
      queue: { messages: 5_000_000, bytes: '4GiB' },
      routes: [{ out: 'q/#', to: 'plant/' }],
    },
  ],
};

/** Sessions that are away, each with 100 messages. */
async function withQueues(target, count) {
  const clients = await sessions(target, count, { clean: false, filters: ['q/#'], qos: 1 });
  await Promise.all(clients.map((client) => client.close()));
  const publisher = await Client.open(target, 'publisher');
  await publisher.publish({ count: 100, topicOf: (n) => `q/${n}` });
  await publisher.close();
}

async function fill(target, count) {
  const publisher = await Client.open(target, 'publisher');
  await publisher.publish({ count, topicOf: (n) => `q/${n % 1000}` });
  await publisher.close();
}

/** `queue export` into a pipe that is read once and then no more: the most memory that it takes. */
async function stalledExport(target) {
  const cli = cliOf(target.checkout);
  const words = [cli, 'queue', 'export', '--config', target.file];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.once('readable', () => child.stdout.read());
  let most = 0;
  for (let n = 0; n < 40 && child.exitCode === null; n++) {
    await pause(100);
    if (child.exitCode === null) most = costOf(child.pid).most;
  }
  child.kill('SIGKILL');
  return most;
}

const BOUND = '`queue.bytes` of an uplink: 256MiB';

export const queueCases = {
  'queue-list': {
    title: '`queue list`, sessions with 100 messages each',
    takes: '40 s',
    sizes: [100, 400, 1200],
    small: [20, 40],
    unit: 'ms',
    figure: 'processor time',
    bound: '`sessions`: 10,000',
    async run(target, size) {
      await withQueues(target, size);
      const { cpuMs, code } = await target.verb('queue', 'list');
      if (code !== 0) throw new Error(`queue list has ended with ${code}`);
      return cpuMs;
    },
  },
  'queue-purge': {
    title: '`queue purge` of an uplink while the gateway runs, messages',
    takes: '3 min',
    sizes: [10_000, 100_000, 1_000_000],
    small: [1000, 2000],
    unit: 'ms',
    figure: 'time to the answer',
    bound: BOUND,
    config: () => uplinkConfig,
    async run(target, size) {
      await fill(target, size);
      const { ms, out, errors } = await target.verb(
        ...['queue', 'purge', '--yes', '--session', 'uplink/plant'],
      );
      if (out !== `${size} messages deleted\n`) throw new Error(errors || out);
      return ms;
    },
  },
  'queue-purge-turn': {
    title: 'longest turn of the gateway while a queue is purged, messages',
    takes: '1 min',
    sizes: [10_000, 100_000],
    small: [1000, 2000],
    unit: 'ms',
    figure: 'processor time',
    bound: BOUND,
    turns: true,
    config: () => uplinkConfig,
    async run(target, size) {
      await fill(target, size);
      await target.turns();
      await target.verb('queue', 'purge', '--yes', '--session', 'uplink/plant');
      return (await target.turns()).longest;
    },
  },
  'queue-export-stalled': {
    title: '`queue export` with a reader that stops, messages of 100 B',
    takes: '1 min',
    sizes: [10_000, 100_000, 300_000],
    small: [1000, 2000],
    unit: 'MB',
    figure: 'most memory',
    bound: BOUND,
    config: () => uplinkConfig,
    async run(target, size) {
      await fill(target, size);
      return (await stalledExport(target)) / 1e6;
    },
  },
};
