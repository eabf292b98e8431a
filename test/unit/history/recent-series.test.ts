import { expect, test } from 'vitest';
import type { Series } from '../../../src/history/hour-history.ts';
import { recentSeries } from '../../../src/history/recent-series.ts';

const END = 1_000_000_000;
const series = (everyMs: number, ...last: (number | null)[]): Series => ({
  ...{ end: END, everyMs, last },
  low: last.map((value) => (value === null ? null : value - 1)),
  high: last.map((value) => (value === null ? null : value + 1)),
});
const history = (hour?: Series, day?: Series) => ({ hour: () => hour, day: () => day });
const asked = { topic: 'cell/a', from: END - 3_600_000, to: END, most: 1000 };

test('points begin at their time; one without a value is bad, and none are before the first value', () => {
  const hour = series(10_000, null, 5, null, 7);
  expect(recentSeries(history(hour), asked)).toEqual({
    slotMs: 10_000,
    points: [
      [END - 30_000, [0, 4, 6, 5]],
      [END - 20_000, [2]],
      [END - 10_000, [0, 6, 8, 7]],
    ],
  });
});

test('only the time that is asked for, and never more points than are asked for', () => {
  const hour = series(10_000, 1, 2, 3, 4, 5, 6);
  const { points } = recentSeries(history(hour), {
    ...asked,
    from: END - 40_000,
    to: END - 10_000,
  });
  expect(points.map(([time]) => time - END)).toEqual([-40_000, -30_000, -20_000]);
  const few = recentSeries(history(hour), { ...asked, from: END - 60_000, most: 3 });
  expect([few.slotMs, few.points.length <= 4]).toEqual([20_000, true]);
  expect(recentSeries(history(hour), { ...asked, everyMs: 60_000 }).slotMs).toBe(60_000);
});

test('before the hour is the day, if it is kept, in the longer time of its points', () => {
  const hour = series(10_000, 8, 9);
  const day = series(240_000, 1, 2, 3);
  const all = { ...asked, from: END - 86_400_000 };
  const { slotMs, points } = recentSeries(history(hour, day), all);
  expect(slotMs).toBe(240_000);
  expect(points.at(0)).toEqual([expect.any(Number), expect.arrayContaining([0, 0])]);
  expect(points.at(-1)![1][2]).toBe(10);
  expect(recentSeries(history(hour), all).points.every(([, [, low]]) => low! > 6)).toBe(true);
  // A short range of the hour keeps its resolution.
  expect(recentSeries(history(hour, day), { ...asked, from: END - 15_000 }).slotMs).toBe(10_000);
});

test('a topic without history has no points', () => {
  expect(recentSeries(history(), asked).points).toEqual([]);
  expect(recentSeries(history(series(10_000, null, null)), asked).points).toEqual([]);
});
