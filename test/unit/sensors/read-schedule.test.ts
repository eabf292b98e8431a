import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextBackoff, nextDeadline } from '../../../src/sensors/read-schedule.ts';

test.each([
  [1000, 1000, { deadline: 2000, missed: 0 }],
  [1000, 1400, { deadline: 2000, missed: 0 }],
  [1000, 1999, { deadline: 2000, missed: 0 }],
  [1000, 2000, { deadline: 3000, missed: 1 }],
  [1000, 4500, { deadline: 5000, missed: 3 }],
])('after %d, at %d', (deadline, now, next) => {
  expect(nextDeadline(deadline, 1000, now)).toEqual(next);
});

test('the next deadline is on the grid, to come, and at most one period away', () => {
  const moment = fc.integer({ min: 0, max: 2 ** 40 });
  fc.assert(
    fc.property(
      moment,
      fc.integer({ min: 1, max: 86_400_000 }),
      moment,
      (deadline, every, spent) => {
        const next = nextDeadline(deadline, every, deadline + spent);
        expect(next.deadline).toBeGreaterThan(deadline + spent);
        expect(next.deadline - (deadline + spent)).toBeLessThanOrEqual(every);
        expect((next.deadline - deadline) % every).toBe(0);
        expect(next.missed).toBe((next.deadline - deadline) / every - 1);
      },
    ),
  );
});

test('back-off is between 1 s and 30 s, and grows', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (dice) => {
      let wait = 0;
      for (const roll of dice) {
        const most = Math.min(30_000, 3 * Math.max(1000, wait));
        wait = nextBackoff(wait, () => roll);
        expect(wait).toBeGreaterThanOrEqual(1000);
        expect(wait).toBeLessThanOrEqual(most);
      }
    }),
  );
  expect(nextBackoff(30_000, () => 0.99)).toBe(30_000);
});
