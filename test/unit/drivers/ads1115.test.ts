import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import ads1115, { isFullScale, toVolts } from '../../../drivers/ads1115.ts';
import { playback } from '../../../src/buses/playback.ts';
import { signalSample } from '../../../src/driver-kit/signal.ts';
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

/** Ends a conversion that another program may have begun. */
const opening = (config: string) => ({ write: `01${idle(config)}`, read: '' });
const idle = (config: string) =>
  (Number.parseInt(config, 16) & 0x7fff).toString(16).padStart(4, '0');
/** A conversion with a config, and its result. */
const conversion = (config: string, raw: string) => [
  { write: '01', read: '8583' },
  { write: `01${config}`, read: '' },
  { write: '01', read: config },
  { write: '00', read: raw },
  { write: '01', read: config },
];

test('starts a conversion, waits for it, checks that it is ready, and reads it', async () => {
  const chip = playback([opening('c383'), ...conversion('c383', '4000')]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(ads1115, chip, {}, tools);
  expect(await sensor.read(never)).toEqual({ '': { value: 2.048 } });
  expect(slept).toEqual([139, 10]);
  chip.done();
});

test.each([
  [{ input: 'AIN3', range: 0.256, rate: 860 }, 'fbe3'],
  [{ input: 'AIN0-AIN1', range: 6.144, rate: 8 }, '8103'],
  [{ input: 'AIN2-AIN3', range: 2.048, rate: 475 }, 'b5c3'],
  [{ input: 'AIN1', range: 1.024, rate: 250 }, 'd7a3'],
] as const)('%j', async (options, config) => {
  const chip = playback([opening(config), ...conversion(config, '0000')]);
  const sensor = await openSensor(ads1115, chip, options);
  expect(await sensor.read(never)).toEqual({ '': { value: 0 } });
  chip.done();
});

test('waits on while the chip still converts, and gives up in the end', async () => {
  const busy = { write: '01', read: '4383' };
  const [, ...started] = conversion('c383', '2000');
  const [ask, begin] = conversion('c383', '2000');
  const chip = playback([
    opening('c383'),
    ask!,
    started[0]!,
    busy,
    ...started.slice(1),
    ask!,
    begin!,
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
  const chip = playback([opening('c383'), ...conversion('c383', '8000')]);
  const sensor = await openSensor(ads1115, chip, {});
  expect(await sensor.read(never)).toEqual({
    '': { value: -4.096, quality: 'uncertain', reason: 'at full scale, ±4.096 V' },
  });
});

test('a bus error is the reason', async () => {
  const chip = playback([opening('c383'), { write: '01', error: 'no answer from 0x48 on i2c-1' }]);
  const sensor = await openSensor(ads1115, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x48 on i2c-1');
  chip.done();
});

test('a conversion that was not asked for is no value', async () => {
  const chip = playback([opening('c383'), { write: '01', read: '4283' }]);
  const sensor = await openSensor(ads1115, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('another program uses the chip');
});

describe('signals', () => {
  const at = (volts: number, options: z.input<typeof ads1115.options>) =>
    signalSample(volts, ads1115.options.parse(options));

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

  test('an NTC or Pt1000 at the high side', () => {
    const { supply } = bridge;
    const ntc = { signal: 'ntc', supply, pullDown: 10_000, r25: 10_000, beta: 3950 } as const;
    expect(at(1.65, ntc).value).toBeCloseTo(25, 9);
    // Warm is a low resistance, so a high voltage; at the low side it is a low voltage.
    expect(at(2, ntc).value).toBeGreaterThan(25);
    expect(at(0.01, ntc)).toEqual({ value: null, reason: 'wire broken: no current flows' });
    expect(at(3.29, ntc)).toEqual({ value: null, reason: 'short circuit: 0 Ω' });
    const pt1000 = { signal: 'pt1000', supply, pullDown: 1000 } as const;
    expect(at(3.3 / 2.385055, pt1000).value).toBeCloseTo(100, 2);
  });

  test('an NTC by the coefficients of Steinhart and Hart', () => {
    // Of a thermistor with 10 kΩ at 25 °C, 32,650 Ω at 0 °C and 3603 Ω at 50 °C.
    const steinhartHart: [number, number, number] = [1.12924e-3, 2.34108e-4, 0.87755e-7];
    const options = { signal: 'ntc', ...bridge, pullUp: 10_000, steinhartHart } as const;
    expect(at(1.65, options).value).toBeCloseTo(25, 1);
    expect(at((3.3 * 32_650) / 42_650, options).value).toBeCloseTo(0, 1);
    expect(at((3.3 * 3603) / 13_603, options).value).toBeCloseTo(50, 1);
  });

  test.each([
    [
      { signal: '4-20mA', shunt: 150, range: 2.048, scale: [0, 16], unit: 'bar' },
      'found 2.048 V, which 150 Ω reach at 13.7 mA, at 9.7 of 16, expected at least 4.096',
    ],
    [
      { signal: '4-20mA', shunt: 400, range: 6.144, scale: [0, 16], unit: 'bar' },
      'found 6.144 V, which 400 Ω reach at 15.4 mA, at 11.4 of 16, expected a smaller shunt or a larger divider',
    ],
    [
      { signal: '0-10V', divider: 4, range: 2.048 },
      'found 2.048 V, which the input reaches at 8.2 of 10 V, expected at least 4.096',
    ],
    [
      { signal: 'ntc', ...bridge, pullDown: 1000, r25: 1, beta: 1 },
      'found beside pullUp, expected one of the two',
    ],
  ])('%j can not work', (options, message) => {
    const { error } = ads1115.options.safeParse(options);
    expect(error?.issues.map((issue) => issue.message)).toEqual([message]);
  });

  test.each([
    { signal: '4-20mA', shunt: 100, range: 2.048, scale: [0, 16], unit: 'bar' },
    { signal: '4-20mA', shunt: 250, range: 6.144, scale: [0, 16], unit: 'bar' },
    { signal: '0-10V', divider: 2.5 },
  ])('%j works', (options) => expect(ads1115.options.safeParse(options).success).toBe(true));

  test.each([
    [{ signal: '4-20mA', scale: [0, 1] }, ['shunt', 'unit']],
    [{ signal: '0-10V' }, ['divider', 'range']],
    [{ signal: 'pt1000', supply: 3.3 }, ['pullUp']],
    [{ signal: 'ntc' }, ['supply', 'pullUp', 'r25', 'beta']],
  ])('%j lacks %j', (options, keys) => {
    const { error } = ads1115.options.safeParse(options);
    expect(error?.issues.map(({ path }) => path[0])).toEqual(keys);
  });

  test('full scale is uncertain, a failure stays a failure', async () => {
    const scale: [number, number] = [0, 16];
    const options = { signal: '4-20mA', shunt: 200, scale, unit: 'bar' } as const;
    const chip = playback([
      opening('c383'),
      ...conversion('c383', '7fff'),
      ...conversion('c383', '0000'),
    ]);
    const sensor = await openSensor(ads1115, chip, options);
    expect(await sensor.read(never)).toMatchObject({
      '': { quality: 'uncertain', reason: 'at full scale, ±4.096 V' },
    });
    expect(await sensor.read(never)).toMatchObject({ '': { value: null } });
  });
});
