import { expect, test } from 'vitest';
import iio from '../../../drivers/iio.ts';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

const DEVICE = '/sys/bus/iio/devices/iio:device0';
const files = new Map([
  [`${DEVICE}/name`, 'board\n'],
  [`${DEVICE}/in_voltage0_raw`, '1000\n'],
  [`${DEVICE}/in_voltage1_raw`, '-1000\n'],
  [`${DEVICE}/in_voltage1_offset`, '10\n'],
  [`${DEVICE}/in_voltage1_scale`, '0.5\n'],
  [`${DEVICE}/in_voltage_scale`, '2.000000000\n'],
  [`${DEVICE}/in_voltage0-voltage1_raw`, '7\n'],
  [`${DEVICE}/in_temp_input`, '23450\n'],
  [`${DEVICE}/in_pressure_input`, '101.325000000\n'],
  [`${DEVICE}/in_humidityrelative_input`, '45500\n'],
  [`${DEVICE}/in_accel_x_raw`, '100\n'],
  [`${DEVICE}/in_accel_scale`, '0.038307\n'],
  [`${DEVICE}/in_illuminance_input`, 'none\n'],
]);

test.each([
  ['voltage0', 2, 'V'],
  ['voltage1', -0.495, 'V'],
  ['voltage0-voltage1', 0.014, 'V'],
  ['temp', 23.45, '°C'],
  ['pressure', 1013.25, 'hPa'],
  ['humidityrelative', 45.5, '%'],
  ['accel_x', 3.8307, 'm/s²'],
])('%s is %d %s', async (channel, value, unit) => {
  const options = { device: 'board', channel };
  const sensor = await openSensor(iio, playbackFiles(files), options);
  expect((await sensor.read(never))['']?.value).toBeCloseTo(value, 9);
  expect(iio.channels(iio.options.parse(options))).toEqual([{ name: '', unit }]);
});

test('a missing device or channel, and a value that is no number, are errors', async () => {
  const read = async (channel: string) =>
    (await openSensor(iio, playbackFiles(files), { device: 'board', channel })).read(never);
  await expect(read('voltage7')).rejects.toThrow(`no channel voltage7 in ${DEVICE}`);
  await expect(read('illuminance')).rejects.toThrow('in_illuminance_input is no number');
  await expect(
    openSensor(iio, playbackFiles(files), { device: 'x', channel: 'temp' }),
  ).rejects.toThrow('no iio device x, there is board');
  expect(iio.options.safeParse({ device: 'board', channel: '../temp' }).success).toBe(false);
});
