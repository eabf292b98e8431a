import { expect, test } from 'vitest';
import { LoadAverage } from '../../../../src/broker/stats/load-average.ts';

test('a steady rate is reached in each window, sooner in the shorter ones', () => {
  const load = new LoadAverage(1000);
  let count = 1000;
  const minute = () => {
    count += 120;
    return load.add(count, 60_000);
  };
  // One minute is the time constant of the first window: 1 - 1/e of the way.
  expect(minute()).toEqual({ '1min': '75.85', '5min': '21.75', '15min': '7.74' });
  for (let n = 0; n < 200; n++) minute();
  expect(minute()).toEqual({ '1min': '120.00', '5min': '120.00', '15min': '120.00' });
  // Nothing more comes.
  expect(load.add(count, 60_000)).toEqual({ '1min': '44.15', '5min': '98.25', '15min': '112.26' });
});

test('two calls in the same millisecond change nothing', () => {
  const load = new LoadAverage(0);
  const before = load.add(100, 60_000);
  expect(load.add(5000, 0)).toEqual(before);
});
