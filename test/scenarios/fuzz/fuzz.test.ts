import { expect, test } from 'vitest';
import { fuzz } from './fuzzer.ts';

const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const MS = Number(process.env.FUZZ_MINUTES ?? 0.35) * 60_000;

test('T34 mutated packets do no harm', { timeout: 2 * MS + 60_000 }, async () => {
  console.log(`fuzz: FUZZ_SEED=${SEED} FUZZ_MINUTES=${MS / 60_000}`);
  const { cases, roundTrips, residentKib } = await fuzz(SEED, MS);
  console.log(`fuzz: ${cases} cases, ${roundTrips} round trips, at most ${residentKib >> 10} MiB`);
  expect(cases).toBeGreaterThan(MS / 1000);
  expect(roundTrips).toBeGreaterThan(MS / 1000);
});
