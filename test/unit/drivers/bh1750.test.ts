import { expect, test } from 'vitest';
import bh1750, { toLux } from '../../../drivers/bh1750.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

// The datasheet's example: 10000011 10010000 is 28067 lx.
test('toLux', () => expect(Math.round(toLux(0b1000_0011_1001_0000))).toBe(28_067));

const asking = [
  { write: '01', read: '' },
  { write: '42', read: '' },
  { write: '65', read: '' },
  { write: '20', read: '' },
];

test('measures, waits for it and reads', async () => {
  const chip = playback([...asking, { write: '', read: '0078' }]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(bh1750, chip, {}, tools);
  expect(await sensor.read(never)).toEqual({ '': { value: 100 } });
  expect(slept).toEqual([180]);
  chip.done();
});

test('full scale is uncertain', async () => {
  const sensor = await openSensor(bh1750, playback([...asking, { write: '', read: 'ffff' }]), {});
  expect(await sensor.read(never)).toEqual({
    '': { value: 54_612.5, quality: 'uncertain', reason: 'at full scale, it may be brighter' },
  });
});

test('a bus error is the reason', async () => {
  const chip = playback([{ write: '01', error: 'no answer from 0x23 on i2c-1' }]);
  const sensor = await openSensor(bh1750, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x23 on i2c-1');
});
