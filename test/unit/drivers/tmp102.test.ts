import { describe, expect, test } from 'vitest';
import tmp102, { toCelsius } from '../../../drivers/tmp102.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

describe('toCelsius', () => {
  // Datasheet SBOS397, table "12-Bit Temperature Data Format".
  test.each([
    [0x7ff, 127.9375],
    [0x640, 100],
    [0x500, 80],
    [0x4b0, 75],
    [0x320, 50],
    [0x190, 25],
    [0x004, 0.25],
    [0x000, 0],
    [0xffc, -0.25],
    [0xe70, -25],
    [0xc90, -55],
  ])('12 bits %s are %d °C', (code, degrees) => expect(toCelsius(code << 4)).toBe(degrees));

  // Table "13-Bit Temperature Data Format"; bit 0 of the register is set in extended mode.
  test.each([
    [0x0960, 150],
    [0x0800, 128],
    [0x07ff, 127.9375],
    [0x0640, 100],
    [0x0004, 0.25],
    [0x0000, 0],
    [0x1ffc, -0.25],
    [0x1e70, -25],
    [0x1c90, -55],
  ])('13 bits %s are %d °C', (code, degrees) => expect(toCelsius((code << 3) | 1)).toBe(degrees));
});

test('reads the temperature after the first conversion is over', async () => {
  const chip = playback([
    { write: '01', read: '60a0' },
    { write: '00', read: '1900' },
    { write: '01', read: '60a0' },
    { write: '00', read: 'e700' },
    { write: '01', read: '60a0' },
  ]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(tmp102, chip, {}, tools);
  expect(slept).toEqual([35]);
  expect(await sensor.read(never)).toEqual({ '': { value: 25 } });
  expect(await sensor.read(never)).toEqual({ '': { value: -25 } });
  chip.done();
});

test('honours extended mode', async () => {
  const chip = playback([
    { write: '01', read: '60b0' },
    { write: '00', read: '4b01' },
    { write: '01', read: '60b0' },
  ]);
  const sensor = await openSensor(tmp102, chip, {});
  expect(await sensor.read(never)).toEqual({ '': { value: 150 } });
  chip.done();
});

test('wakes a chip from shutdown, where the temperature would stand still', async () => {
  const chip = playback([
    { write: '01', read: '61a0' },
    { write: '0160a0', read: '' },
    { write: '00', read: '1900' },
    { write: '01', read: '60a0' },
  ]);
  const sensor = await openSensor(tmp102, chip, {});
  expect(await sensor.read(never)).toEqual({ '': { value: 25 } });
  chip.done();
});

test('a bus error is the reason', async () => {
  const chip = playback([
    { write: '01', read: '60a0' },
    { write: '00', error: 'no answer from 0x48 on i2c-1' },
  ]);
  const sensor = await openSensor(tmp102, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x48 on i2c-1');
  chip.done();
});

test('bits that a TMP102 does not have are no temperature', async () => {
  const chip = playback([
    { write: '01', read: '60a0' },
    { write: '00', read: '1906' },
    { write: '01', read: '60a0' },
  ]);
  const sensor = await openSensor(tmp102, chip, {});
  await expect(sensor.read(never)).rejects.toThrow("its temperature register can't hold 1906");
});
