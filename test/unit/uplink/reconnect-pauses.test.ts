import { expect, test } from 'vitest';
import { ReconnectPauses } from '../../../src/uplink/reconnect-pauses.ts';
import { createRandom } from '../../support/random.ts';

/** When each of `count` gateways reaches a plant again that was away for so long, in milliseconds after its return. */
function returns(count: number, awayMs: number, seed: number, longestMs = 60_000): number[] {
  const { next: random } = createRandom(seed);
  return Array.from({ length: count }, () => {
    let now = 0;
    const pauses = new ReconnectPauses({ longestMs, random, clock: { monotonic: () => now } });
    while (now < awayMs) now += pauses.next();
    return now - awayMs;
  });
}

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

test('twenty gateways are back within half a minute after a minute, spread over 5 s and more', () => {
  for (const seed of SEEDS) {
    const times = returns(20, 60_000, seed);
    expect(Math.max(...times)).toBeLessThanOrEqual(31_500);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThanOrEqual(5000);
  }
});

test('of two hundred gateways at most a fifth come in one second', () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const seconds = returns(200, 60_000, seed).map((ms) => Math.floor(ms / 1000));
    const most = Math.max(...seconds.map((one) => seconds.filter((each) => each === one).length));
    expect(most).toBeLessThanOrEqual(40);
  }
});

test('a short outage is followed by a short pause, a long one by at most the longest', () => {
  for (const seed of SEEDS) {
    expect(Math.max(...returns(20, 2000, seed))).toBeLessThanOrEqual(3000);
    expect(Math.max(...returns(20, 3_600_000, seed))).toBeLessThanOrEqual(60_000);
    expect(Math.max(...returns(20, 60_000, seed, 1000))).toBeLessThanOrEqual(1000);
  }
});

test('an hour of outage takes no more than 300 attempts', () => {
  let [now, attempts] = [0, 0];
  const { next: random } = createRandom(1);
  const pauses = new ReconnectPauses({
    longestMs: 60_000,
    random,
    clock: { monotonic: () => now },
  });
  for (; now < 3_600_000; attempts++) now += pauses.next();
  expect(attempts).toBeLessThan(300);
});

test('the pauses of a connection that ends again and again grow, and start again after a good one', () => {
  let now = 0;
  const pauses = new ReconnectPauses({
    ...{ longestMs: 60_000, random: () => 0.999, clock: { monotonic: () => now } },
  });
  const all = Array.from({ length: 12 }, () => {
    const pause = pauses.next();
    now += pause + 100;
    return Math.round(pause / 1000);
  });
  expect(all.slice(0, 3)).toEqual([3, 3, 3]);
  expect(all.toSorted((a, b) => a - b)).toEqual(all);
  expect(all.at(-1)).toBe(60);
  pauses.restart();
  expect(pauses.next()).toBeLessThanOrEqual(3000);
});
