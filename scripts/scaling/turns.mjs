/** For how long everybody waits while the gateway works for one: the longest turn of its event loop. */
import { Client, sessions } from './clients.mjs';
import { pause } from './gateway.mjs';

const IDLE_SECONDS = 15;
const WAITING = 100;

const sensor = (n, every) => ({
  ...{ name: `s${n}`, driver: 'simulated', signal: 'door', every },
  filters: [{ heartbeat: '600s' }],
});
const sensorsOf = (size, every = '60s') => Array.from({ length: size }, (_, n) => sensor(n, every));

const SENSORS = '5,000 sensors';

export const turnCases = {
  'reload-turn': {
    title: 'longest turn during a reload that changes one sensor, sensors',
    takes: '1 min',
    sizes: [10, 1000, 5000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time',
    bound: SENSORS,
    turns: true,
    config: (size) => ({ sensors: sensorsOf(size) }),
    async run(target, size) {
      await pause(3000);
      return target.longestTurn(async (n) => {
        const sensors = sensorsOf(size);
        sensors[5].every = `${60 + n}s`;
        target.configure({ sensors });
        const { code, errors } = await target.verb('reload');
        if (code !== 0) throw new Error(errors);
      });
    },
  },
  'scrape-turn': {
    title: 'longest turn while all metrics are read, sensors',
    takes: '1 min',
    sizes: [10, 1000, 5000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time',
    bound: SENSORS,
    turns: true,
    config: (size) => ({ sensors: sensorsOf(size), http: {} }),
    async run(target) {
      await pause(3000);
      const url = `http://127.0.0.1:${target.httpPort}/metrics`;
      // The page's server is up after the broker.
      while (!(await fetch(url).catch(() => undefined))) await pause(200);
      return target.longestTurn(async () => {
        const answer = await fetch(url);
        if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
        await answer.arrayBuffer();
      });
    },
  },
  start: {
    title: 'start until it listens, sensors',
    takes: '20 s',
    sizes: [10, 1000, 5000],
    small: [10, 20],
    unit: 'ms',
    figure: 'time',
    bound: SENSORS,
    config: (size) => ({ sensors: sensorsOf(size) }),
    run: (target) => target.startMs,
  },
  'start-shared': {
    title: `start with messages that each wait for ${WAITING} absent sessions, messages`,
    takes: '1 min',
    sizes: [1000, 4000, 16_000],
    small: [100, 200],
    unit: 'ms',
    figure: 'time',
    bound: '`absentQueueBytes`: 2GiB',
    async run(target, size) {
      const options = { clean: false, filters: ['m/+'], qos: 1 };
      const absent = await sessions(target, WAITING, options);
      for (const { socket } of absent) socket.destroy();
      const publisher = await Client.open(target, 'publisher');
      await publisher.publish({ count: size, topicOf: (n) => `m/${n % 500}` });
      await target.end();
      await target.run();
      return target.startMs;
    },
  },
  'start-sessions': {
    title: 'start with absent sessions of five subscriptions each, sessions',
    takes: '1 min',
    sizes: [100, 1000, 10_000],
    small: [100, 200],
    unit: 'ms',
    figure: 'time',
    bound: '`sessions`: 10,000',
    async run(target, size) {
      for (let n = 0; n < size; n += WAITING) {
        const filters = Array.from({ length: 5 }, (_, i) => `s/${n % 50}/${i}/+`);
        const some = await sessions(target, WAITING, { clean: false, filters }, `s${n}-`);
        for (const client of some) await client.close();
      }
      await target.end();
      await target.run();
      return target.startMs;
    },
  },
  'sensor-time': {
    title: 'sensors that are read each second and do not change, sensors',
    takes: '30 s',
    sizes: [10, 1000, 5000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time in a second',
    bound: SENSORS,
    config: (size) => ({ sensors: sensorsOf(size, '1s') }),
    async run(target) {
      await pause(5000);
      const before = target.cost().cpuMs;
      await pause(IDLE_SECONDS * 1000);
      return (target.cost().cpuMs - before) / IDLE_SECONDS;
    },
  },
  'check-routes': {
    title: '`check` of routes, routes',
    takes: '5 s',
    sizes: [10, 100, 1000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time',
    bound: '1,000 routes of an uplink',
    async run(target, size) {
      const routes = Array.from({ length: size }, (_, n) => ({ out: `line/${n}/#`, to: 'plant/' }));
      target.configure({ uplinks: [{ name: 'plant', url: 'mqtt://127.0.0.1:1', routes }] });
      const { code, cpuMs, errors } = await target.verb('check');
      if (code !== 0) throw new Error(errors);
      return cpuMs;
    },
  },
};
