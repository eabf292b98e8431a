import { expect, test } from 'vitest';
import { LineBudget } from '../../../src/base/line-budget.ts';

test('many lines may come at once, then few a minute, and after a quiet time many again', () => {
  let now = 0;
  const budget = new LineBudget(() => now, 100, 6);
  const taken = (): number =>
    Array.from({ length: 1000 }, () => budget.take()).filter(Boolean).length;
  expect(taken()).toBe(100);
  expect(taken()).toBe(0);
  now += 60_000;
  expect(taken()).toBe(6);
  now += 3_600_000;
  expect(taken()).toBe(100);
});
