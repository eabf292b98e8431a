/** What uplinks and their routes cost, while the plant is away. */
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from './clients.mjs';
import { pause } from './gateway.mjs';

const MESSAGES = 20_000;
const queue = { messages: 5_000_000, bytes: '4GiB' };
const away = 'mqtt://127.0.0.1:9';
/** Bytes that do not compress: each message has others. */
const random = randomBytes(1_000_000);
const payloadOf = (n) => random.subarray((n * 97) % 999_900).subarray(0, 100);

const uplinksOf = (count) => ({
  uplinks: Array.from({ length: count }, (_, n) => ({
    ...{ name: `plant${n}`, url: `mqtt://127.0.0.1:${10 + n}`, queue },
    routes: [{ out: 'q/#', to: 'plant/' }],
  })),
});
const routesOf = (count, to = 'plant/') => ({
  uplinks: [
    {
      ...{ name: 'plant', url: away, queue },
      routes: Array.from({ length: count }, (_, n) => ({ out: `q/${n}/#`, to })),
    },
  ],
});

/** Processor time of a message that is stored for the plant, in microseconds. */
async function storeCost(target, topicOf) {
  const publisher = await Client.open(target, 'publisher');
  const costMs = await target.warmMs(async () => {
    await publisher.publish({ count: MESSAGES, topicOf, payloadOf });
    await pause(200);
  });
  await publisher.close();
  return (costMs / MESSAGES) * 1000;
}

function bytesOf(folder) {
  const files = readdirSync(folder).filter((name) => name.startsWith('cellgate.db'));
  return files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

export const plantCases = {
  'uplink-store': {
    title: 'a message that is stored for all uplinks, uplinks',
    takes: '20 s',
    sizes: [1, 4, 16],
    small: [1, 2],
    unit: 'µs',
    figure: 'processor time for one',
    bound: '16 uplinks',
    config: uplinksOf,
    run: (target) => storeCost(target, (n) => `q/${n % 1000}`),
  },
  'uplink-disk': {
    title: 'a message of 100 B that is stored for all uplinks, uplinks',
    takes: '20 s',
    sizes: [1, 4, 16],
    small: [1, 2],
    unit: 'B',
    figure: 'file for one',
    bound: '16 uplinks, `queue.bytes` of each: 256MiB',
    config: uplinksOf,
    async run(target) {
      await storeCost(target, (n) => `q/${n % 1000}`);
      // Ends with the log moved into the file.
      await target.end();
      const bytes = bytesOf(join(target.folder, 'data'));
      await target.run();
      return bytes / (2 * MESSAGES);
    },
  },
  'route-store': {
    title: 'a message that one of the routes takes, routes',
    takes: '20 s',
    sizes: [10, 100, 1000],
    small: [10, 20],
    unit: 'µs',
    figure: 'processor time for one',
    bound: '1,000 routes of an uplink, 28 with their own queue',
    config: (size) => routesOf(size),
    run: (target, size) => storeCost(target, (n) => `q/${n % size}/x`),
  },
  'route-reload': {
    title: 'longest turn during a reload that changes all routes, routes',
    takes: '20 s',
    sizes: [10, 100, 1000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time',
    bound: '1,000 routes of an uplink',
    turns: true,
    config: (size) => routesOf(size),
    async run(target, size) {
      await pause(2000);
      return target.longestTurn(async (n) => {
        target.configure(routesOf(size, `plant/${n}/`));
        const { code, errors } = await target.verb('reload');
        if (code !== 0) throw new Error(errors);
      });
    },
  },
};
