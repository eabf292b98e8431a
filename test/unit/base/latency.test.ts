import { expect, test } from 'vitest';
import { BOUNDS_S, Latency } from '../../../src/base/latency.ts';

test('durations are counted in the first bucket that holds them', () => {
  const latency = new Latency();
  for (const ms of [0, 0.5, 0.6, 1, 100_000_000]) latency.observe(ms);
  expect([...latency.counts.slice(0, 3)]).toEqual([2, 2, 0]);
  expect(latency.counts[BOUNDS_S.length]).toBe(1);
  expect(latency.count).toBe(5);
  expect(latency.sumSeconds).toBeCloseTo(100_000.0021, 6);
});

test('a quantile is the bound below which that share is', () => {
  const latency = new Latency();
  expect(latency.quantile(0.5)).toBeNull();
  for (let i = 0; i < 99; i++) latency.observe(2);
  latency.observe(300);
  expect(latency.quantile(0.5)).toBe(2.5);
  expect(latency.quantile(0.99)).toBe(2.5);
  expect(latency.quantile(1)).toBe(500);
});
