import { expect, test } from 'vitest';
import { BOMBS } from './bombs.ts';
import { bomb } from './fuzzer.ts';

test('T29 T34 property bombs cost only their sender', { timeout: 180_000 }, async () => {
  const results = await bomb();
  for (const { name, slowestMs, residentKib } of results) {
    console.log(`${name}: canary at most ${slowestMs.toFixed(0)} ms, ${residentKib >> 10} MiB`);
  }
  expect(results.map(({ name }) => name)).toEqual(Object.keys(BOMBS));
});
