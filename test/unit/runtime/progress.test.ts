import { expect, test } from 'vitest';
import { createProgress } from '../../../src/runtime/progress.ts';

test.each([
  [30_499, [], undefined],
  [30_501, [], 'the writer of the store has not answered for 31 s'],
  [0, ['a', 'b'], 'these sensors stand still: a, b'],
])('a writer silent for %d ms and stalled sensors %j: %s', (unansweredMs, stalled, reason) => {
  const progress = createProgress({
    store: { journal: { unansweredMs } },
    sensors: { stalled: () => stalled },
  });
  expect(progress.stuck()).toBe(reason);
});
