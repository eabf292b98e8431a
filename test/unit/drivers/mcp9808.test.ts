import { expect, test } from 'vitest';
import mcp9808, { toCelsius } from '../../../drivers/mcp9808.ts';
import { playback } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

// Equation 5-1: upper byte × 16 + lower byte / 16, less 256 where the sign is set; flags masked.
test.each([
  [0x0194, 25.25],
  [0xc194, 25.25],
  [0x07d0, 125],
  [0x0001, 0.0625],
  [0x0000, 0],
  [0x1fff, -0.0625],
  [0x1e70, -25],
  [0x1d80, -40],
])('%i is %d °C', (raw, degrees) => expect(toCelsius(raw)).toBe(degrees));

test('checks the chip, wakes it and reads', async () => {
  const chip = playback([
    { write: '06', read: '0054' },
    { write: '01', read: '0100' },
    { write: '010000', read: '' },
    { write: '0803', read: '' },
    { write: '05', read: 'c194' },
    { write: '01', read: '0000' },
    { write: '08', read: '03' },
    { write: '06', read: '0054' },
  ]);
  const sensor = await openSensor(mcp9808, chip, {});
  expect(await sensor.read(never)).toEqual({ '': { value: 25.25 } });
  chip.done();
});

test('another chip, e.g. a LIS3DH, is not taken for one', async () => {
  const chip = playback([{ write: '06', read: '3320' }]);
  await expect(openSensor(mcp9808, chip, {})).rejects.toThrow(
    'not an MCP9808: its manufacturer ID is 0x3320, expected 0x0054',
  );
});

test('a bus error is the reason', async () => {
  const chip = playback([{ write: '06', error: 'no answer from 0x18 on i2c-1' }]);
  await expect(openSensor(mcp9808, chip, {})).rejects.toThrow('no answer from 0x18 on i2c-1');
});
