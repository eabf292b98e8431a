import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DeferredHalves } from '../../../../src/store/commit/deferred-halves.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const ends: boolean[] = [];
  const state = { more: true };
  const halves = new DeferredHalves((isWhole) => {
    ends.push(isWhole);
    return state.more;
  });
  return { halves, ends, state };
}

test('every second half is the end of a whole time, while changes wait', () => {
  const { halves, ends } = setUp();
  halves.start(1000);
  vi.advanceTimersByTime(499);
  expect(ends).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(ends).toEqual([false]);
  vi.advanceTimersByTime(1500);
  expect(ends).toEqual([false, true, false, true]);
  halves.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('ends with the last change; the next one waits for a whole time again', () => {
  const { halves, ends, state } = setUp();
  halves.start(1000);
  state.more = false;
  vi.advanceTimersByTime(500);
  expect([ends, vi.getTimerCount()]).toEqual([[false], 0]);
  state.more = true;
  halves.start(1000);
  vi.advanceTimersByTime(1000);
  expect(ends).toEqual([false, false, true]);
});

test('a change that comes while one waits does not make it wait longer', () => {
  const { halves, ends } = setUp();
  halves.start(1000);
  vi.advanceTimersByTime(400);
  halves.start(1000);
  vi.advanceTimersByTime(100);
  expect(ends).toEqual([false]);
});
