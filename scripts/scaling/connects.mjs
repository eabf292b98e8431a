/** What a client costs that connects, and one that is connected and does nothing. */
import { sessions } from './clients.mjs';
import { pause } from './gateway.mjs';

const FILTERS = ['a/+', 'b/#', 'c/d/e', '+/f', 'g/+/h'];
const AT_ONCE = 50;
const CONNECTS = 1000;
const LATER = 10_000;
const IDLE_SECONDS = 20;

/** Connects, subscribes five filters and disconnects, so many times: milliseconds of processor time for each. */
async function connectCost(target, options, prefix) {
  const costMs = await target.warmMs(async (run) => {
    await connects(target, CONNECTS, options, `${prefix}${run}-`);
    await pause(200);
  });
  return costMs / CONNECTS;
}

async function connects(target, count, options, prefix) {
  for (let n = 0; n < count; n += AT_ONCE) {
    const clients = await sessions(target, AT_ONCE, options, `${prefix}${n}-`);
    for (const client of clients) client.socket.end(Buffer.from([0xe0, 0]));
    await Promise.all(clients.map((client) => client.closed));
  }
}

/** A case beside connected sessions; so many connections for each of them come before, at most `LATER`. */
function besideSessions({ title, takes, small, before }) {
  return {
    ...{ title, takes, small },
    sizes: [10, 100, 1000],
    unit: 'ms',
    figure: 'processor time for one',
    bound: '`connections`: 1,000',
    mosquitto: true,
    async run(target, size) {
      const present = await sessions(target, size, { filters: ['p/#'] });
      await connects(target, Math.min(LATER, before * size), { filters: FILTERS }, 'l');
      const cost = await connectCost(target, { filters: FILTERS }, 'c');
      for (const { socket } of present) socket.destroy();
      return cost;
    },
  };
}

export const connectCases = {
  connect: besideSessions({
    title: 'CONNECT, five subscriptions, DISCONNECT, connected sessions',
    takes: '30 s',
    small: [10, 20],
    before: 0,
  }),
  // V8 compiles the code again while it learns how it is used: thousands of connections until nothing changes.
  'connect-later': besideSessions({
    title: 'the same after 10,000 more, connected sessions',
    takes: '2 min',
    small: [1, 2],
    before: CONNECTS,
  }),
  'connect-full': {
    title: 'the same as new persistent sessions at the limit of absent ones, sessions',
    takes: '1 min',
    sizes: [100, 1000, 10_000],
    small: [60, 80],
    unit: 'ms',
    figure: 'processor time for one',
    bound: '`sessions`: 10,000',
    config: (size) => ({ broker: { limits: { connectionsPerAddress: 1000, sessions: size } } }),
    async run(target, size) {
      for (let n = 0; n < size; n += AT_ONCE) {
        const some = await sessions(target, AT_ONCE, { clean: false, filters: ['p'] }, `s${n}-`);
        for (const { socket } of some) socket.destroy();
      }
      await pause(500);
      return await connectCost(target, { clean: false, filters: FILTERS }, 'c');
    },
  },
  'idle-connection': {
    title: 'memory of a connection with one subscription, connections',
    takes: '10 s',
    sizes: [100, 500, 2000],
    small: [100, 200],
    unit: 'KB',
    figure: 'memory for each',
    bound: '`connections`: 1,000',
    mosquitto: true,
    async run(target, size) {
      // Buffers and code come with the first ones.
      const first = await sessions(target, 500, { filters: ['p/#'] }, 'first');
      for (const client of first) await client.close();
      await pause(3000);
      const before = target.cost().rss;
      const present = await sessions(target, size, { filters: ['p/#'] });
      await pause(3000);
      const each = (target.cost().rss - before) / 1000 / size;
      for (const { socket } of present) socket.destroy();
      return each;
    },
  },
  'idle-time': {
    title: 'clients that are connected and do nothing, connections',
    takes: '30 s',
    sizes: [10, 500, 2000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time in a second',
    bound: '`connections`: 1,000',
    mosquitto: true,
    async run(target, size) {
      const present = await sessions(target, size, { filters: ['p/#'] });
      await pause(3000);
      const before = target.cost().cpuMs;
      await pause(IDLE_SECONDS * 1000);
      const each = (target.cost().cpuMs - before) / IDLE_SECONDS;
      for (const { socket } of present) socket.destroy();
      return each;
    },
  },
};
