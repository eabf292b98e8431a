import { expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import { type ClockMark, createStoredClock } from '../../../src/store/stored-clock.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const HOUR = 3_600_000;

/** A computer on which the gateway runs again and again; each run begins with `start`. */
function setUp() {
  const clock = createManualClock();
  const state = createMemoryState().of('clock');
  return { clock, state, start: () => createStoredClock(clock, state) };
}

test('at first it is the wall clock', () => {
  const { clock, start } = setUp();
  expect(start().now()).toBe(clock.wall());
});

test.each([HOUR, -HOUR, -50 * 365 * 24 * HOUR])('does not follow a jump by %d ms', async (jump) => {
  const { clock, start } = setUp();
  const stored = start();
  const began = stored.now();
  clock.setWall(clock.wall() + jump);
  await clock.advance(1000);
  expect(stored.save()).toBe(true);
  expect(stored.now()).toBe(began + 1000);
  expect(stored.wallAt(began)).toBe(clock.wall() - 1000);
  expect(start().now()).toBe(began + 1000);
});

test('what the gateway was off counts where the wall clock knows it', () => {
  const { clock, start } = setUp();
  const began = start().now();
  clock.setWall(clock.wall() + 5 * HOUR);
  expect(start().now()).toBe(began + 5 * HOUR);
});

test('it does not go back, nor jump ahead from a time that was none', () => {
  const { clock, start } = setUp();
  const right = clock.wall();
  const began = start().now();
  clock.setWall(5000);
  const stored = start();
  expect(stored.now()).toBe(began);
  stored.save();
  clock.setWall(right);
  expect(start().now()).toBe(began);
});

test('writes seldom while nothing is set', async () => {
  const { clock, state, start } = setUp();
  const stored = start();
  const first = state.get('mark') as ClockMark;
  for (let second = 0; second < 599; second++) {
    await clock.advance(1000);
    expect(stored.save()).toBe(false);
  }
  expect(state.get('mark')).toBe(first);
  await clock.advance(1000);
  stored.save();
  expect(state.get('mark')).toEqual({ now: first.now + 600_000, wall: first.wall + 600_000 });
});

test.each([undefined, null, 'x', { now: '1', wall: 2 }])('a mark %j is none', (value) => {
  const { clock, state, start } = setUp();
  state.set('mark', value);
  expect(start().now()).toBe(clock.wall());
});
