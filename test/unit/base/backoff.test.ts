import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextBackoff } from '../../../src/base/backoff.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('back-off', () => {
  test.each([
    [0, 0, 1000],
    [0, 0.5, 2000],
    [1000, 0.5, 2000],
    [4000, 0, 1000],
    [4000, 0.5, 6500],
    [50_000, 0.9, 60_000],
  ])('after %i ms, with a random number of %d: %i ms', (previous, roll, wait) => {
    expect(nextBackoff(previous, 60_000, () => roll)).toBe(wait);
  });

  test('is between 1 s, three times the wait before and the longest wait', () => {
    const longest = fc.integer({ min: 1000, max: 3_600_000 });
    fc.assert(
      fc.property(fc.array(random), longest, (rolls, longestMs) => {
        let wait = 0;
        for (const roll of rolls) {
          const most = Math.min(longestMs, 3 * Math.max(1000, wait));
          wait = nextBackoff(wait, longestMs, () => roll);
          expect(wait).toBeGreaterThanOrEqual(1000);
          expect(wait).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});
