import { expect, onTestFinished, test } from 'vitest';
import { EventLoopDelay } from '../../../src/runtime/event-loop-delay.ts';

test('a turn that works for long is in the histogram, and nothing is measured after the stop', async () => {
  const loop = new EventLoopDelay();
  await loop.start();
  onTestFinished(() => loop.stop());
  await expect.poll(() => loop.delay.count).toBeGreaterThan(0);
  const until = performance.now() + 150;
  while (performance.now() < until);
  await expect.poll(() => loop.delay.quantile(1)).toBeGreaterThanOrEqual(100);
  await loop.stop();
  const { count } = loop.delay;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(loop.delay.count).toBe(count);
});
