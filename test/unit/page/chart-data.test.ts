import { describe, expect, test } from 'vitest';
import { ChartData, valueRange } from '../../../src/page/chart-data.ts';

const SERIES = {
  everyMs: 10_000,
  end: 1_000_000,
  low: [1, null, 3],
  high: [2, null, 5],
  last: [1.5, null, 4],
};

describe('the points of a chart', () => {
  test('what the gateway has kept ends at its time, one point after the other', () => {
    const data = new ChartData();
    expect(data.range).toBeUndefined();
    data.replace(SERIES);
    expect(data.columns).toEqual([
      [980, 990, 1000],
      [2, null, 5],
      [1, null, 3],
      [1.5, null, 4],
    ]);
    expect(data.range).toEqual({ low: 1, high: 5 });
  });

  test('a value goes to the newest point until its time is over, then to the next', () => {
    const data = new ChartData();
    data.replace(SERIES);
    data.add(995_000, 2);
    data.add(1_000_000, 9);
    data.add(1_000_000, null);
    const pointAt = (index: number) => data.columns.map((column) => column[index]);
    expect(pointAt(2)).toEqual([1000, 9, 2, 9]);
    data.add(1_001_000, 7);
    expect(pointAt(3)).toEqual([1010, 7, 7, 7]);
    data.add(1_050_000, null);
    expect(data.columns[0]).toEqual([980, 990, 1000, 1010, 1050]);
    expect(pointAt(4)).toEqual([1050, null, null, null]);
  });

  test('the first value of an empty chart is a point of its own moment', () => {
    const data = new ChartData();
    data.add(5000, 3);
    expect(data.columns).toEqual([[5], [3], [3], [3]]);
  });

  test('the oldest point is dropped after 360', () => {
    const data = new ChartData();
    for (let point = 1; point <= 361; point += 1) data.add(point * 10_000, point);
    expect(data.columns.map((column) => [column.length, column[0]])).toEqual([
      [360, 20],
      [360, 2],
      [360, 2],
      [360, 2],
    ]);
  });

  test('the axis begins with the first value, after an hour at most and two minutes at least', () => {
    const data = new ChartData();
    expect(data.beginOf(10_000)).toBe(9880);
    data.add(9_990_000, 1);
    expect(data.beginOf(10_000)).toBe(9880);
    expect(data.beginOf(12_000)).toBe(9990);
    expect(data.beginOf(20_000)).toBe(16_400);
  });
});

describe('the range of the value axis', () => {
  test.each([
    [{ steps: true }, 0, 1, [-0.15, 1.15]],
    [{ steps: false }, null, null, [0, 1]],
    [{ steps: false }, 10, 20, [9, 21]],
    [{ steps: false }, 20, 20, [19.9, 20.1]],
    [{ steps: false, fromZero: true }, 5, 20, [0, 22]],
    [{ steps: false, fromZero: true }, 0, 0, [0, 1]],
  ])('%j from %s to %s', (style, from, to, expected) => {
    const [low, high] = valueRange(from, to, style);
    expect(low).toBeCloseTo(expected[0]!, 9);
    expect(high).toBeCloseTo(expected[1]!, 9);
  });
});
