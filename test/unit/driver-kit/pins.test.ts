import { expect, test } from 'vitest';
import { playback } from '../../../src/buses/playback.ts';
import { inputPins, pinChannels } from '../../../src/driver-kit/pins.ts';

test('a pin that is named twice has one channel', () => {
  expect(pinChannels(['a', 'b', 'c'], [2, 0, 2])).toEqual([
    { name: 'c', unit: '', kind: 'boolean' },
    { name: 'a', unit: '', kind: 'boolean' },
  ]);
});

test('input pins are set and cleared in both ports, the bits of others stay', async () => {
  const chip = playback([
    { write: '06', read: '0240' },
    { write: '0603c0', read: '' },
    { write: '04', read: 'ffff' },
    { write: '04fe7f', read: '' },
    { write: '00', read: '0180' },
  ]);
  const inputs = inputPins(chip, [0, 15]);
  await inputs.set(0x06, true);
  await inputs.set(0x04, false);
  expect(await inputs.read(0x00)).toBe(0x8001);
  chip.done();
});
