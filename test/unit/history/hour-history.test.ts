import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createHourHistory, POINT_MS, POINTS } from '../../../src/history/hour-history.ts';
import { createFaults } from '../../support/faults.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A history of one topic, whose clocks are the fake timers; the wall clock is ahead by a million milliseconds. */
async function start(valueAt: (ms: number) => number | null) {
  const from = Date.now();
  const monotonic = (): number => Date.now() - from;
  const history = createHourHistory({
    faults: createFaults(),
    monotonic,
    wall: () => monotonic() + 1_000_000,
    values: () => [['t', valueAt(monotonic())]],
  });
  await history.start();
  return history;
}

test('a point has the lowest, the highest and the last of ten seconds', async () => {
  const history = await start((ms) => [20, 25, 3, 21][ms / 1000] ?? 22);
  vi.advanceTimersByTime(POINT_MS);
  const course = history.of('t')!;
  expect([course.low.at(-2), course.high.at(-2), course.last.at(-2)]).toEqual([3, 25, 22]);
  expect([course.low.at(-1), course.high.at(-1), course.last.at(-1)]).toEqual([22, 22, 22]);
  expect(course.last.slice(0, -2)).toEqual(Array(POINTS - 2).fill(null));
  expect(course.end).toBe(1_000_000 + 2 * POINT_MS);
  await history.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('it is an hour long, and no longer', async () => {
  const history = await start((ms) => ms);
  vi.advanceTimersByTime(2 * POINTS * POINT_MS);
  const { last } = history.of('t')!;
  expect(last.length).toBe(POINTS);
  expect(last.at(-1)).toBe(2 * POINTS * POINT_MS);
  expect(last[0]).toBe((POINTS + 2) * POINT_MS - 1000);
  await history.stop();
});

test('a time without a value is a gap, not the value before it', async () => {
  const history = await start((ms) => (ms >= POINT_MS && ms < 3 * POINT_MS ? null : 0));
  vi.advanceTimersByTime(3 * POINT_MS);
  expect(history.of('t')!.last.slice(-4)).toEqual([0, null, null, 0]);
  expect(history.of('t')!.low.slice(-4)).toEqual([0, null, null, 0]);
  await history.stop();
});

test('what has no course has none, and topics are bounded', async () => {
  const values = Array.from({ length: 2500 }, (_, number) => [`t${number}`, 1] as const);
  const history = createHourHistory({
    faults: createFaults(),
    monotonic: () => 0,
    wall: () => 0,
    values: () => values,
  });
  await history.start();
  expect(history.of('t1999')).toBeDefined();
  expect(history.of('t2000')).toBeUndefined();
  expect(history.of('other')).toBeUndefined();
  await history.stop();
});

test('topics that are gone for an hour make room for others, however many there were', async () => {
  const from = Date.now();
  let [round, later] = [0, 0];
  const monotonic = (): number => Date.now() - from + later;
  const history = createHourHistory({
    ...{ faults: createFaults(), monotonic, wall: monotonic },
    values: () => Array.from({ length: 1900 }, (_, n) => [`${round} ${n}`, n] as const),
  });
  await history.start();
  round = 1;
  vi.advanceTimersByTime(1000);
  expect([history.of('1 1') !== undefined, history.of('1 1899')]).toEqual([true, undefined]);
  later = POINTS * POINT_MS;
  vi.advanceTimersByTime(1000);
  expect([history.of('1 1899') !== undefined, history.of('0 1')]).toEqual([true, undefined]);
  await history.stop();
});
