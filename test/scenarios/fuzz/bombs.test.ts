import { expect, test } from 'vitest';
import { BOMBS } from './bombs.ts';
import { bomb } from './fuzzer.ts';

/** On a busy machine the canary waits some hundred milliseconds for a processor. */
const SLOWEST_MS = 3000;

test('T29 T34 property bombs cost only their sender', { timeout: 180_000 }, async () => {
  const results = await bomb();
  for (const { name, slowestMs, residentKib } of results) {
    console.log(`${name}: canary at most ${slowestMs.toFixed(0)} ms, ${residentKib >> 10} MiB`);
  }
  expect(results.map(({ name }) => name)).toEqual(Object.keys(BOMBS));
  const slow = results.filter(({ slowestMs }) => slowestMs > SLOWEST_MS);
  expect(slow, 'the canary waited').toEqual([]);
});
