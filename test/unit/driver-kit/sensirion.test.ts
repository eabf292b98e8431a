import { expect, test } from 'vitest';
import { playback } from '../../../src/buses/playback.ts';
import { openSht, SHT_CHANNELS, sensirionWords } from '../../../src/driver-kit/sensirion.ts';
import { createHastyTools, never } from '../../support/open-sensor.ts';

test('words without their checksums, of which each must be right', () => {
  expect(sensirionWords(Buffer.from('beef92', 'hex'))).toEqual([0xbeef]);
  expect(sensirionWords(Buffer.from('beef92beef92', 'hex'))).toEqual([0xbeef, 0xbeef]);
  expect(() => sensirionWords(Buffer.from('beef92beef93', 'hex'))).toThrow('the checksum is wrong');
});

test('a humidity sensor is reset once and measures at each read', async () => {
  const read = [
    { write: 'fd', read: '' },
    { write: '', read: 'beef92beef92' },
  ];
  const chip = playback([{ write: '94', read: '' }, ...read, ...read]);
  const { tools, slept } = createHastyTools();
  const parts = {
    reset: Uint8Array.of(0x94),
    resetMs: 2,
    measure: Uint8Array.of(0xfd),
    measurementMs: 10,
    toHumidity: (raw: number) => raw / 1000,
  };
  const sensor = await openSht(chip, parts, tools, never);
  for (let time = 0; time < 2; time += 1) {
    const samples = await sensor.read(never);
    expect(Object.keys(samples)).toEqual(SHT_CHANNELS.map(({ name }) => name));
    expect(samples.temperature?.value).toBeCloseTo(-45 + (175 * 0xbeef) / 65_535, 9);
    expect(samples.humidity?.value).toBeCloseTo(48.879, 9);
  }
  expect(slept).toEqual([2, 10, 10]);
  chip.done();
});
