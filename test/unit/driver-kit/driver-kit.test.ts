import { describe, expect, test } from 'vitest';
import {
  fromCurrentLoop,
  ntcToCelsius,
  platinumToCelsius,
  tableToCelsius,
  toResistance,
} from '../../../src/driver-kit/analogue.ts';
import { crc8, signed, uint16, uint16le } from '../../../src/driver-kit/bytes.ts';
import { type Acceleration, toVibration } from '../../../src/driver-kit/vibration.ts';

test('bytes', () => {
  expect([signed(0xfff, 12), signed(0x7ff, 12), signed(0x8000, 16), signed(0xff, 8)]).toEqual([
    -1, 2047, -32768, -1,
  ]);
  const bytes = Uint8Array.of(0, 1, 2).subarray(1);
  expect([uint16(bytes), uint16le(bytes)]).toEqual([0x0102, 0x0201]);
  expect(() => uint16(bytes, 1)).toThrow(RangeError);
});

test("crc8: the example of Sensirion's datasheets", () => {
  expect(crc8(Uint8Array.of(0xbe, 0xef), 0x31, 0xff)).toBe(0x92);
});

describe('4–20 mA', () => {
  test.each([
    [4, 0],
    [12, 5],
    [20, 10],
    [3.81, -0.11875],
    [20.49, 10.30625],
  ])('%d mA is %d bar', (milliamperes, value) => {
    const sample = fromCurrentLoop(milliamperes, 0, 10);
    expect(sample.value).toBeCloseTo(value, 9);
    expect(sample.quality).toBeUndefined();
  });

  test.each([
    [3.79, 'uncertain', '3.79 mA: outside the measuring range of 3.8 to 20.5 mA (NAMUR NE 43)'],
    [20.51, 'uncertain', '20.51 mA: outside the measuring range of 3.8 to 20.5 mA (NAMUR NE 43)'],
  ])('%d mA is %s', (milliamperes, quality, reason) => {
    expect(fromCurrentLoop(milliamperes, 0, 10)).toMatchObject({ quality, reason });
  });

  test.each([
    [0, 'wire broken'],
    [3.6, 'wire broken'],
    [21, 'short circuit'],
  ])('%d mA is a failure', (milliamperes, reason) => {
    const sample = fromCurrentLoop(milliamperes, 0, 10);
    expect(sample.value).toBeNull();
    expect(sample.reason).toContain(reason);
  });
});

describe('resistors', () => {
  test('to ground, pulled up', () => {
    expect(toResistance(1.65, 3.3, 10_000)).toBeCloseTo(10_000, 6);
    expect(toResistance(1.1, 3.3, 10_000)).toBeCloseTo(5000, 6);
    expect(toResistance(0, 3.3, 10_000)).toBe(0);
    expect(toResistance(3.3, 3.3, 10_000)).toBe(Number.POSITIVE_INFINITY);
  });

  // IEC 60751, its table of the Pt100, times ten.
  test.each([
    [-200, 185.2],
    [-100, 602.56],
    [-50, 803.06],
    [0, 1000],
    [50, 1193.97],
    [100, 1385.06],
    [200, 1758.56],
    [400, 2470.92],
    [850, 3904.81],
  ])('a Pt1000 at %d °C has %d Ω', (celsius, ohms) => {
    expect(platinumToCelsius(ohms, 1000)).toBeCloseTo(celsius, 1);
  });

  test('an NTC by its B value', () => {
    expect(ntcToCelsius(10_000, 10_000, 3950)).toBeCloseTo(25, 9);
    // R = R25 exp(B (1/T - 1/T25)), at 0 and 100 °C.
    expect(
      ntcToCelsius(10_000 * Math.exp(3950 * (1 / 273.15 - 1 / 298.15)), 10_000, 3950),
    ).toBeCloseTo(0, 9);
    expect(
      ntcToCelsius(10_000 * Math.exp(3950 * (1 / 373.15 - 1 / 298.15)), 10_000, 3950),
    ).toBeCloseTo(100, 9);
  });

  test('an NTC by its table, in any order', () => {
    const table = [
      [0, 32_650],
      [50, 3603],
      [25, 10_000],
    ] as const;
    expect(tableToCelsius(10_000, table)).toBe(25);
    expect(tableToCelsius(3603, table)).toBe(50);
    expect(tableToCelsius(Math.sqrt(10_000 * 3603), table)).toBeCloseTo(37.5, 9);
    expect(tableToCelsius(3602, table)).toBeUndefined();
    expect(tableToCelsius(32_651, table)).toBeUndefined();
  });
});

describe('vibration', () => {
  const wave = (count: number, rateHz: number, hertz: number, height: number): Acceleration[] =>
    Array.from({ length: count }, (_, n) => [
      height * Math.sin((2 * Math.PI * hertz * n) / rateHz + 0.3),
      0.2,
      1,
    ]);

  test.each([
    [128, 400, 50],
    [128, 400, 51.3],
    [256, 200, 7.1],
    [64, 100, 40.6],
  ])('of %d samples at %d Hz: %d Hz', (count, rateHz, hertz) => {
    const { rms, peak, frequency } = toVibration(wave(count, rateHz, hertz, 2), rateHz);
    expect(frequency).toBeGreaterThan(hertz - (0.15 * rateHz) / count);
    expect(frequency).toBeLessThan(hertz + (0.15 * rateHz) / count);
    expect(Math.abs(rms - Math.SQRT2)).toBeLessThan(0.05);
    expect(Math.abs(peak - 2)).toBeLessThan(0.1);
  });

  test('gravity alone is none, and noise has no frequency', () => {
    const still = Array.from({ length: 64 }, (): Acceleration => [0, 0, 1]);
    expect(toVibration(still, 100)).toEqual({ rms: 0, peak: 0, frequency: undefined });
    let seed = 1;
    const noise = Array.from({ length: 128 }, (): Acceleration => {
      seed = (seed * 16_807) % 2_147_483_647;
      const x = seed / 2_147_483_647;
      seed = (seed * 16_807) % 2_147_483_647;
      return [x, seed / 2_147_483_647, 1];
    });
    expect(toVibration(noise, 400).frequency).toBeUndefined();
  });
});
