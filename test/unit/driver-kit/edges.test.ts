import { expect, test } from 'vitest';
import type { LineEdge } from '../../../src/buses/gpio-line.ts';
import { followEdges } from '../../../src/driver-kit/edges.ts';
import { settle } from '../../support/manual-clock.ts';
import { playbackLines } from '../../support/playback-gpio.ts';

async function setUp() {
  const lines = playbackLines([false, false]);
  const inputs = await lines.input({});
  const taken: string[] = [];
  const follower = followEdges(inputs, ({ line, rising, lost }: LineEdge) => {
    taken.push(`${line} ${rising} ${lost}`);
  });
  await settle();
  return { lines, taken, follower };
}

test('takes each edge in order, until it is stopped', async () => {
  const { lines, taken, follower } = await setUp();
  lines.set(0, true, 1n);
  lines.set(1, true, 2n, 3);
  lines.set(0, false, 3n);
  await settle();
  expect(taken).toEqual(['0 true 0', '1 true 3', '0 false 0']);
  await follower.stop();
  expect(lines.watching).toBe(0);
  lines.set(0, true, 4n);
  await settle();
  expect(taken).toHaveLength(3);
  follower.check();
});

test('the error that ends the edges is thrown at each check', async () => {
  const { lines, follower } = await setUp();
  follower.check();
  lines.fail('line DI0: its chip was removed');
  await settle();
  expect(() => follower.check()).toThrow('line DI0: its chip was removed');
  expect(() => follower.check()).toThrow('line DI0: its chip was removed');
  await follower.stop();
});
