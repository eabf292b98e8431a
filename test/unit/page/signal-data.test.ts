import { describe, expect, test } from 'vitest';
import {
  axisRange,
  columnsOf,
  type HistoryPoint,
  summaryOf,
} from '../../../src/page/sensor/signal-data.ts';

const BEGIN = Date.parse('2026-11-30T08:00:00Z');
const point = (seconds: number, mean: number | null, reach = 0): HistoryPoint => ({
  time: new Date(BEGIN + seconds * 1000).toISOString(),
  quality: mean === null ? 'bad' : 'good',
  low: mean === null ? null : mean - reach,
  high: mean === null ? null : mean + reach,
  mean,
});
const series = (everyMs: number, ...points: HistoryPoint[]) => ({ everyMs, points });

describe('the columns of a chart', () => {
  test('have each point in the middle of its time', () => {
    const { times, low, high, mean } = columnsOf(series(10_000, point(0, 5, 1), point(10, 6, 2)));
    expect(times).toEqual([BEGIN / 1000 + 5, BEGIN / 1000 + 15]);
    expect([low, high, mean]).toEqual([
      [4, 4],
      [6, 8],
      [5, 6],
    ]);
  });

  test('have a gap where the sensor was bad, and where there is no point', () => {
    const bad = columnsOf(series(1000, point(0, 1), point(1, null), point(2, 3)));
    expect(bad.mean).toEqual([1, null, 3]);
    expect(bad.quality).toEqual(['good', 'bad', 'good']);
    const away = columnsOf(series(1000, point(0, 1), point(1, 2), point(2, 3), point(9, 4)));
    expect(away.mean).toEqual([1, 2, 3, null, 4]);
    expect(away.quality[3]).toBeNull();
  });

  test('have no gap between the values of a sensor that is read seldom', () => {
    const minutes = [0, 60, 120, 180].map((at) => point(at, at));
    expect(columnsOf(series(1000, ...minutes)).mean).toEqual([0, 60, 120, 180]);
  });

  test('of nothing are empty', () => {
    expect(columnsOf(series(1000)).times).toEqual([]);
    expect(summaryOf(series(1000, point(0, null)))).toBeUndefined();
  });
});

test('the figures are of all values of the time; a bad point counts for none', () => {
  const figures = summaryOf(series(1000, point(0, 2, 1), point(1, null), point(2, 4, 3)));
  expect(figures).toEqual({ low: 1, high: 7, mean: 3 });
});

describe('the axis of values', () => {
  test('has room for a limit, unless it is so far away that the line would be flat', () => {
    const values = { from: 20, to: 30 };
    expect(axisRange(values, [45])[1]).toBeGreaterThan(45);
    expect(axisRange(values, [-15])[0]).toBeGreaterThan(0);
    expect(axisRange(values, [1000])[1]).toBeLessThan(32);
  });

  test('has room for a value that does not change, and for none', () => {
    const [low, high] = axisRange({ from: 5, to: 5 }, []);
    expect(low < 5 && high > 5).toBe(true);
    const [bottom, top] = axisRange({ from: null, to: null }, [70]);
    expect(bottom < 70 && top > 70).toBe(true);
  });
});
