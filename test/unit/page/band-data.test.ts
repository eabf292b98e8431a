import { expect, test } from 'vitest';
import { stretchesOf } from '../../../src/page/band-data.ts';
import { ChartData } from '../../../src/page/chart-data.ts';

/** Twelve points of 10 s, so that the band has exactly their time. */
function bandOf(last: (number | null)[], pulses: readonly number[] = []): string[] {
  const data = new ChartData();
  const isPulse = (index: number): boolean => pulses.includes(index);
  data.replace({
    ...{ everyMs: 10_000, end: 1_000_000, last },
    low: last.map((value, index) => (isPulse(index) ? 0 : value)),
    high: last.map((value, index) => (isPulse(index) ? 1 : value)),
  });
  return stretchesOf(data).map(
    ({ from, to, state }) => `${state} ${Math.round(from * 12)}-${Math.round(to * 12)}`,
  );
}

test('equal neighbours are one stretch, and a time without a value is none', () => {
  expect(bandOf([0, 0, 1, 1, 1, null, null, 1, 0, 0, 0, 0])).toEqual([
    ...['off 0-2', 'on 2-5', 'on 7-8', 'off 8-12'],
  ]);
});

test('a pulse within a point has its stretch, whatever the value was at the end', () => {
  expect(bandOf([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [3, 9])).toEqual([
    ...['off 0-3', 'both 3-4', 'off 4-6', 'on 6-9', 'both 9-10', 'on 10-12'],
  ]);
});

test('without points there is nothing', () => {
  expect(stretchesOf(new ChartData())).toEqual([]);
});
