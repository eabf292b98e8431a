import { expect, test } from 'vitest';
import pca9535 from '../../../drivers/pca9535.ts';
import { playback } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

test('makes its pins inputs, leaves the others alone, and reads both ports', async () => {
  const chip = playback([
    { write: '04', read: '8181' },
    { write: '048001', read: '' },
    { write: '06', read: '0000' },
    { write: '060180', read: '' },
    { write: '00', read: '0080' },
    { write: '04', read: '8001' },
    { write: '06', read: '0180' },
  ]);
  const sensor = await openSensor(pca9535, chip, { pins: [0, 15] });
  expect(await sensor.read(never)).toEqual({ p00: { value: false }, p17: { value: true } });
  chip.done();
});

test('names all sixteen as the datasheet does', () => {
  const names = pca9535.channels(pca9535.options.parse({})).map(({ name }) => name);
  expect(names.slice(6, 10)).toEqual(['p06', 'p07', 'p10', 'p11']);
  expect(names).toHaveLength(16);
});

test('a bus error is the reason', async () => {
  const chip = playback([{ write: '04', error: 'no answer from 0x20 on i2c-1' }]);
  await expect(openSensor(pca9535, chip, {})).rejects.toThrow('no answer from 0x20 on i2c-1');
});
