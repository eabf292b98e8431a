import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import ads1115, { isFullScale, toSample, toVolts } from '../../../drivers/ads1115.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

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

test('at full scale the value is uncertain', async () => {
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

describe('signals', () => {
  const at = (volts: number, options: z.input<typeof ads1115.options>) =>
    toSample(volts, ads1115.options.parse(options));

  test('4–20 mA over a shunt', () => {
    const scale: [number, number] = [0, 16];
    const options = { signal: '4-20mA', shunt: 120, scale, unit: 'bar' } as const;
    expect(at(1.44, options).value).toBeCloseTo(8, 9);
    expect(at(0.42, options)).toMatchObject({ value: null });
    expect(at(2.47, options)).toMatchObject({ quality: 'uncertain' });
    expect(ads1115.channels(ads1115.options.parse(options))).toEqual([{ name: '', unit: 'bar' }]);
  });

  test('0–10 V over a divider', () => {
    const options = { signal: '0-10V', divider: 4 } as const;
    expect(at(1.25, options)).toEqual({ value: 5 });
    expect(at(2.53, options)).toMatchObject({
      value: expect.closeTo(10.12, 9),
      quality: 'uncertain',
    });
    expect(at(-0.03, options)).toMatchObject({ quality: 'uncertain' });
    expect(at(1.25, { ...options, scale: [-100, 100], unit: '%' })).toEqual({ value: 0 });
  });

  const bridge = { supply: 3.3, pullUp: 1000 } as const;

  test('Pt1000', () => {
    const options = { signal: 'pt1000', ...bridge } as const;
    expect(at(1.65, options).value).toBeCloseTo(0, 9);
    expect(at((3.3 * 1385.055) / 2385.055, options).value).toBeCloseTo(100, 2);
    expect(at(3.29, options)).toEqual({ value: null, reason: 'wire broken: no current flows' });
    expect(at(0.01, options)).toEqual({ value: null, reason: 'short circuit: 0 Ω' });
    expect(at(0.3, options)).toEqual({
      value: null,
      reason: '100 Ω: a Pt1000 has 185.2 to 3904.8 Ω',
    });
    expect(ads1115.channels(ads1115.options.parse(options))).toEqual([{ name: '', unit: '°C' }]);
  });

  test('NTC, by its B value and by its table', () => {
    const byBeta = { signal: 'ntc', ...bridge, pullUp: 10_000, r25: 10_000, beta: 3950 } as const;
    expect(at(1.65, byBeta).value).toBeCloseTo(25, 9);
    const table: [number, number][] = [
      [0, 32_650],
      [25, 10_000],
      [50, 3603],
    ];
    const byTable = { signal: 'ntc', ...bridge, pullUp: 10_000, table } as const;
    expect(at(1.65, byTable).value).toBeCloseTo(25, 9);
    expect(at(0.33, byTable)).toEqual({ value: null, reason: '1111 Ω is not in the table' });
  });

  test.each([
    [{ signal: '4-20mA', scale: [0, 1] }, ['shunt', 'unit']],
    [{ signal: '0-10V' }, ['divider']],
    [{ signal: 'pt1000', supply: 3.3 }, ['pullUp']],
    [{ signal: 'ntc' }, ['supply', 'pullUp', 'r25', 'beta']],
  ])('%j lacks %j', (options, keys) => {
    const { error } = ads1115.options.safeParse(options);
    expect(error?.issues.map(({ path }) => path[0])).toEqual(keys);
  });

  test('full scale is uncertain, a failure stays a failure', async () => {
    const reading = (raw: string) => [
      { write: '01c383', read: '' },
      { write: '01', read: 'c383' },
      { write: '00', read: raw },
    ];
    const scale: [number, number] = [0, 16];
    const options = { signal: '4-20mA', shunt: 250, scale, unit: 'bar' } as const;
    const chip = playback([...reading('7fff'), ...reading('0000')]);
    const sensor = await openSensor(ads1115, chip, options);
    expect(await sensor.read(never)).toMatchObject({
      '': { quality: 'uncertain', reason: 'at full scale, ±4.096 V' },
    });
    expect(await sensor.read(never)).toMatchObject({ '': { value: null } });
  });
});
