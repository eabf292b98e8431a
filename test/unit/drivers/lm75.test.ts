import { describe, expect, test } from 'vitest';
import lm75, { toCelsius } from '../../../drivers/lm75.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

describe('toCelsius', () => {
  // Datasheet of TI's LM75B, table of the temperature register: 9 bits.
  test.each([
    [0b0_1111_1010, 125],
    [0b0_0011_0010, 25],
    [0b0_0000_0001, 0.5],
    [0b0_0000_0000, 0],
    [0b1_1111_1111, -0.5],
    [0b1_1100_1110, -25],
    [0b1_1001_0010, -55],
  ])('9 bits %i are %d °C, whatever the others say', (code, degrees) => {
    expect(toCelsius(code << 7, 0.5)).toBe(degrees);
    expect(toCelsius((code << 7) | 0x7f, 0.5)).toBe(degrees);
  });

  test('finer steps', () => {
    expect(toCelsius(0x1920, 0.125)).toBe(25.125);
    expect(toCelsius(0xff9f, 0.125)).toBe(-0.5);
    expect(toCelsius(0x1910, 0.0625)).toBe(25.0625);
    expect(toCelsius(0xfff0, 0.0625)).toBe(-0.0625);
  });
});

test('wakes the chip, waits for a conversion and reads', async () => {
  const chip = playback([
    { write: '01', read: '01' },
    { write: '0100', read: '' },
    { write: '00', read: '1980' },
    { write: '01', read: '00' },
  ]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(lm75, chip, {}, tools);
  expect(slept).toEqual([300]);
  expect(await sensor.read(never)).toEqual({ '': { value: 25.5 } });
  chip.done();
});

test('a bus error is the reason', async () => {
  const chip = playback([
    { write: '01', read: '00' },
    { write: '00', error: 'no answer from 0x48 on i2c-1' },
  ]);
  const sensor = await openSensor(lm75, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x48 on i2c-1');
  chip.done();
});
