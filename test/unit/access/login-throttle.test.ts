import { expect, test } from 'vitest';
import { LoginThrottle } from '../../../src/access/login-throttle.ts';

test('three wrong passwords are free, then each costs a pause, doubled up to a minute', () => {
  let now = 0;
  const guesses = new LoginThrottle(() => now);
  const pauses: number[] = [];
  for (let i = 0; i < 12; i++) {
    guesses.wrong('10.0.0.1', 'hmi');
    const pause = guesses.pause('10.0.0.1', 'hmi');
    pauses.push(pause);
    now += pause;
  }
  expect(pauses.slice(0, 6)).toEqual([0, 0, 1000, 2000, 4000, 8000]);
  expect(pauses.at(-1)).toBe(60_000);
  guesses.wrong('10.0.0.1', 'hmi');
  expect(guesses.pause('10.0.0.1', 'other')).toBe(0);
  expect(guesses.pause('10.0.0.2', 'hmi')).toBe(0);
  guesses.right('10.0.0.1', 'hmi');
  expect(guesses.pause('10.0.0.1', 'hmi')).toBe(0);
});

test('what is remembered is bounded', () => {
  const guesses = new LoginThrottle(() => 0);
  for (let i = 0; i < 30_000; i++) for (let n = 0; n < 3; n++) guesses.wrong('a', `u${i}`);
  expect(guesses.pause('a', 'u0')).toBe(0);
  expect(guesses.pause('a', 'u29999')).toBe(1000);
});
