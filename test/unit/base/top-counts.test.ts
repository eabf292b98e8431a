import { expect, test } from 'vitest';
import { TopCounts } from '../../../src/base/top-counts.ts';

test('the names with the highest counts are shown, the others together', () => {
  const counts = new TopCounts(2);
  for (const name of ['a', 'b', 'b', 'c', 'c', 'c']) counts.add(name);
  expect(counts.top).toEqual({ c: 3, b: 2, others: 1 });
});

test('ten thousand names that come once leave what comes often, and lose no count', () => {
  const counts = new TopCounts(10);
  for (let n = 0; n < 10_000; n++) {
    counts.add(`once ${n}`);
    counts.add('often', 2);
  }
  const { top } = counts;
  expect(Object.keys(top)).toHaveLength(11);
  expect(top.often).toBe(20_000);
  expect(Object.values(top).reduce((sum, count) => sum + count, 0)).toBe(30_000);
});
