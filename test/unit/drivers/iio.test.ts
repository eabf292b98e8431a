import { expect, test } from 'vitest';
import iio, { namesOf } from '../../../drivers/iio.ts';
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
  expect(iio.channels(iio.options.parse(options))).toEqual([{ name: '', unit, kind: 'number' }]);
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

test.each([
  ['voltage0', ['in_voltage0', 'in_voltage', 'in', '']],
  ['voltage0_vccint', ['in_voltage0_vccint', 'in_voltage', 'in', '']],
  ['voltage0-voltage1', ['in_voltage0-voltage1', 'in_voltage-voltage', 'in_voltage', 'in', '']],
  ['accel_x', ['in_accel_x', 'in_accel', 'in', '']],
  ['temp_object', ['in_temp_object', 'in_temp', 'in', '']],
  ['intensity0_ir', ['in_intensity0_ir', 'in_intensity', 'in', '']],
  ['humidityrelative', ['in_humidityrelative', 'in_humidityrelative', 'in', '']],
])('scale and offset of %s, its own and shared ones', (channel, before) => {
  expect(iio.options.safeParse({ device: 'x', channel }).success).toBe(true);
  for (const property of ['scale', 'offset'] as const) {
    const names = before.map((one) => (one === '' ? property : `${one}_${property}`));
    expect(namesOf(channel, property)).toEqual(names);
  }
});

const one = async (channel: string, own: Readonly<Record<string, string>>) => {
  const map = new Map([
    [`${DEVICE}/name`, 'ltc:2485.1'],
    ...Object.entries(own).map(([name, text]) => [`${DEVICE}/${name}`, text] as const),
  ]);
  return (await openSensor(iio, playbackFiles(map), { device: 'ltc:2485.1', channel })).read(never);
};

test.each([
  // 128 steps of 3 mV, not 24 mV by the scale of the channels to ground.
  ['voltage0-voltage1', { 'in_voltage-voltage_scale': '3', in_voltage_scale: '0.1875' }, 0.384],
  [
    'voltage0-voltage1',
    { 'in_voltage0-voltage1_scale': '2', 'in_voltage-voltage_scale': '3' },
    0.256,
  ],
  ['voltage0', { in_scale: '3' }, 0.384],
  ['voltage0', { scale: '3', in_offset: '-28' }, 0.3],
  ['temp_object', { in_temp_scale: '20', in_temp_object_offset: '-28' }, 2],
  ['proximity', {}, 128],
])('%s with %j is %d', async (channel, own, value) => {
  const samples = await one(channel, { [`in_${channel}_raw`]: '128', ...own });
  expect(samples['']?.value).toBeCloseTo(value, 9);
});

test('without any scale a raw value is not in volts', async () => {
  await expect(one('voltage0', { in_voltage0_raw: '128' })).rejects.toThrow(
    'in_voltage0_raw has no scale, so it is not in V',
  );
  await expect(one('voltage0', { in_voltage0_raw: '' })).rejects.toThrow(
    'in_voltage0_raw is no number: ""',
  );
});
