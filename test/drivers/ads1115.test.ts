import { describe, expect, test } from 'vitest';
import ads1115, { isFullScale, toVolts } from '../../drivers/ads1115.ts';
import { playback } from '../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../support/open-sensor.ts';

describe('toVolts', () => {
  // Datasheet SBAS444, table "Input Signal Versus Ideal Output Code".
  test.each([
    [0x7fff, 4.096, (4.096 * 32_767) / 32_768],
    [0x4000, 4.096, 2.048],
    [0x0001, 4.096, 0.000125],
    [0x0000, 4.096, 0],
    [0xffff, 4.096, -0.000125],
    [0x8000, 4.096, -4.096],
    [0x0001, 6.144, 0.0001875],
    [0x0001, 0.256, 0.0000078125],
  ])('code %d at ±%d V is %d V', (code, range, volts) =>
    expect(toVolts(code, range)).toBeCloseTo(volts, 12),
  );

  test('clips at both ends', () => {
    expect([0x7fff, 0x8000, 0x7ffe, 0x8001, 0].map(isFullScale)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

test('starts a conversion, waits for it, checks that it is ready, and reads it', async () => {
  const chip = playback([
    { write: '01c383', read: '' },
    { write: '01', read: 'c383' },
    { write: '00', read: '4000' },
  ]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(ads1115, chip, {}, tools);
  expect(await sensor.read(never)).toEqual({ '': { value: 2.048 } });
  expect(slept).toEqual([10]);
  chip.done();
});

test.each([
  [{ input: 'AIN3', range: 0.256, rate: 860 }, '01fbe3'],
  [{ input: 'AIN0-AIN1', range: 6.144, rate: 8 }, '018103'],
  [{ input: 'AIN2-AIN3', range: 2.048, rate: 475 }, '01b5c3'],
  [{ input: 'AIN1', range: 1.024, rate: 250 }, '01d7a3'],
] as const)('%j', async (options, config) => {
  const chip = playback([
    { write: config, read: '' },
    { write: '01', read: '8583' },
    { write: '00', read: '0000' },
  ]);
  const sensor = await openSensor(ads1115, chip, options);
  expect(await sensor.read(never)).toEqual({ '': { value: 0 } });
  chip.done();
});

test('waits on while the chip still converts, and gives up in the end', async () => {
  const busy = { write: '01', read: '4383' };
  const chip = playback([
    { write: '01c383', read: '' },
    busy,
    { write: '01', read: 'c383' },
    { write: '00', read: '2000' },
    { write: '01c383', read: '' },
    busy,
    busy,
    busy,
  ]);
  const sensor = await openSensor(ads1115, chip, {});
  expect(await sensor.read(never)).toEqual({ '': { value: 1.024 } });
  await expect(sensor.read(never)).rejects.toThrow('the conversion does not end');
  chip.done();
});

test('at full scale the value is doubted', async () => {
  const chip = playback([
    { write: '01c383', read: '' },
    { write: '01', read: 'c383' },
    { write: '00', read: '8000' },
  ]);
  const sensor = await openSensor(ads1115, chip, {});
  expect(await sensor.read(never)).toEqual({
    '': { value: -4.096, quality: 'uncertain', reason: 'at full scale, ±4.096 V' },
  });
});

test('a bus error is the reason', async () => {
  const chip = playback([{ write: '01c383', error: 'no answer from 0x48 on i2c-1' }]);
  const sensor = await openSensor(ads1115, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x48 on i2c-1');
  chip.done();
});
