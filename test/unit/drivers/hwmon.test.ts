import { expect, test } from 'vitest';
import hwmon from '../../../drivers/hwmon.ts';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

const files = new Map([
  ['/sys/class/hwmon/hwmon0/name', 'cpu_thermal\n'],
  ['/sys/class/hwmon/hwmon0/temp1_input', '48312\n'],
  ['/sys/class/hwmon/hwmon3/name', 'board\n'],
  ['/sys/class/hwmon/hwmon3/temp1_input', '-5500\n'],
  ['/sys/class/hwmon/hwmon3/in0_input', '5012\n'],
  ['/sys/class/hwmon/hwmon3/curr1_input', '1500\n'],
  ['/sys/class/hwmon/hwmon3/power1_input', '7500000\n'],
  ['/sys/class/hwmon/hwmon3/fan1_input', '2400\n'],
  ['/sys/class/hwmon/hwmon3/fan2_input', '0\n'],
  ['/sys/class/hwmon/hwmon3/fan2_fault', '1\n'],
  ['/sys/class/hwmon/hwmon3/humidity1_input', '45500\n'],
  ['/sys/class/hwmon/hwmon3/temp9_input', 'none\n'],
]);

test.each([
  ['temp1', -5.5, '°C'],
  ['in0', 5.012, 'V'],
  ['curr1', 1.5, 'A'],
  ['power1', 7.5, 'W'],
  ['fan1', 2400, '1/min'],
  ['humidity1', 45.5, '%'],
])('%s is %d %s', async (input, value, unit) => {
  const options = { chip: 'board', input };
  const sensor = await openSensor(hwmon, playbackFiles(files), options);
  expect(await sensor.read(never)).toEqual({ '': { value } });
  expect(hwmon.channels(hwmon.options.parse(options))).toEqual([{ name: '', unit }]);
});

test('a fault, a missing file and text are bad', async () => {
  const read = async (input: string) =>
    (await openSensor(hwmon, playbackFiles(files), { chip: 'board', input })).read(never);
  expect(await read('fan2')).toEqual({ '': { value: null, reason: 'board reports a fault' } });
  await expect(read('fan3')).rejects.toThrow('ENOENT');
  await expect(read('temp9')).rejects.toThrow('temp9 of board is no number: "none"');
});

test('a missing chip is an error that names the chips of the machine', async () => {
  await expect(openSensor(hwmon, playbackFiles(files), { chip: 'x' })).rejects.toThrow(
    'no hwmon chip x, there is cpu_thermal, board',
  );
  await expect(openSensor(hwmon, playbackFiles(new Map()), { chip: 'x' })).rejects.toThrow(
    'there is none',
  );
});
