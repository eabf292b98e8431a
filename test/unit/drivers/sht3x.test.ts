import { expect, test } from 'vitest';
import sht3x, { toHumidity } from '../../../drivers/sht3x.ts';
import { playback } from '../../../src/buses/playback.ts';
import { shtToCelsius } from '../../../src/driver-kit/sensirion.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

// The ends and the middle of the scale.
test.each([
  [0x0000, -45],
  [0x8000, 42.50134],
  [0xffff, 130],
])('%i is %d °C', (raw, degrees) => {
  expect(shtToCelsius(raw)).toBeCloseTo(degrees, 4);
});

test.each([
  [0x0000, 0],
  [0x8000, 50.00076],
  [0xffff, 100],
])('%i is %d %%', (raw, percent) => {
  expect(toHumidity(raw)).toBeCloseTo(percent, 4);
});

// The CRC of beef is 92, an example of the datasheet.
const transfers = (answer: string) => [
  { write: '3093', read: '' },
  { write: '30a2', read: '' },
  { write: '2400', read: '' },
  { write: '', read: answer },
];

test('measures, waits for it and reads', async () => {
  const chip = playback([...transfers('beef92beef92'), { write: 'f32d', read: '8010e1' }]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(sht3x, chip, {}, tools);
  const { temperature, humidity } = await sensor.read(never);
  expect(temperature?.value).toBeCloseTo(-45 + (175 * 0xbeef) / 65_535, 9);
  expect(humidity?.value).toBeCloseTo(toHumidity(0xbeef), 9);
  expect(slept).toEqual([2, 2, 16]);
  chip.done();
});

test.each(['beef93beef92', 'beef92beee92'])('a wrong checksum (%s) is an error', async (answer) => {
  const sensor = await openSensor(sht3x, playback(transfers(answer)), {});
  await expect(sensor.read(never)).rejects.toThrow('the checksum is wrong');
});

test('a bus error is the reason', async () => {
  const chip = playback([
    { write: '3093', read: '' },
    { write: '30a2', read: '' },
    { write: '2400', error: 'no answer from 0x44 on i2c-1' },
  ]);
  const sensor = await openSensor(sht3x, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x44 on i2c-1');
});
