import { expect, test } from 'vitest';
import mcp23017 from '../../../drivers/mcp23017.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { playbackLine } from '../../support/playback-gpio.ts';

/** Without BANK and SEQOP. */
const addressing = [
  { write: '05', read: '00' },
  { write: '15', read: '00' },
  { write: '0a', read: '00' },
];
const setUp = [
  ...addressing,
  { write: '02', read: 'ffff' },
  { write: '02fe7f', read: '' },
  { write: '0c', read: '0000' },
  { write: '0c0180', read: '' },
  { write: '00', read: '0000' },
  { write: '000180', read: '' },
];

test('makes its pins inputs with pull-ups, leaves the others alone, and reads both ports', async () => {
  const chip = playback([
    ...setUp,
    { write: '00', read: '0180fe7f000000000000000001800000000001800000' },
  ]);
  const sensor = await openSensor(mcp23017, chip, { pins: [0, 15], pullUps: true });
  expect(await sensor.read(never)).toEqual({ a0: { value: true }, b7: { value: true } });
  chip.done();
});

test('an interrupt is set up to come with each change, open drain, on both its pins', async () => {
  const chip = playback([
    ...setUp,
    { write: '0a44', read: '' },
    { write: '08', read: 'ffff' },
    { write: '08fe7f', read: '' },
    { write: '04', read: '0000' },
    { write: '040180', read: '' },
  ]);
  const { tools } = createHastyTools();
  const line = playbackLine();
  const options = { pins: [0, 15], pullUps: true, interrupt: 'GPIO5' };
  await openSensor(mcp23017, chip, options, { ...tools, line: () => line });
  expect(line.taken).toEqual({ activeLow: true, bias: 'pull-up' });
  chip.done();
});

test('a bus error is the reason', async () => {
  const chip = playback([{ write: '05', error: 'no answer from 0x20 on i2c-1' }]);
  await expect(openSensor(mcp23017, chip, {})).rejects.toThrow('no answer from 0x20 on i2c-1');
});
