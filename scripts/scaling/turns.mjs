/** For how long everybody waits while the gateway works for one: the longest turn of its event loop. */
import { pause } from './gateway.mjs';

const sensor = (n, every) => ({
  ...{ name: `s${n}`, driver: 'simulated', signal: 'door', every },
  filters: [{ heartbeat: '60s' }],
});
const sensorsOf = (size, every = '60s') => Array.from({ length: size }, (_, n) => sensor(n, every));

export const turnCases = {
  'reload-turn': {
    title: 'longest turn during a reload that changes one sensor, sensors',
    takes: '1 min',
    sizes: [10, 500, 1000],
    small: [10, 20],
    unit: 'ms',
    figure: 'processor time',
    config: (size) => ({ sensors: sensorsOf(size) }),
    async run(target, size) {
      await pause(3000);
      let longest = Number.POSITIVE_INFINITY;
      // The least of three: the first one compiles the code.
      for (let n = 1; n <= 3; n++) {
        const sensors = sensorsOf(size);
        sensors[5].every = `${60 + n}s`;
        target.configure({ sensors });
        await target.turns();
        const { code, errors } = await target.verb('reload');
        if (code !== 0) throw new Error(errors);
        longest = Math.min(longest, (await target.turns()).longest);
      }
      return longest;
    },
  },
};
