import { expect, test } from 'vitest';
import thermal from '../../../drivers/thermal.ts';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

const files = new Map([
  ['/sys/class/thermal/cooling_device0/type', 'fan\n'],
  ['/sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n'],
  ['/sys/class/thermal/thermal_zone0/temp', '48312\n'],
  ['/sys/class/thermal/thermal_zone1/type', 'battery\n'],
  ['/sys/class/thermal/thermal_zone1/temp', 'x\n'],
]);

test('reads a zone by its type', async () => {
  const sensor = await openSensor(thermal, playbackFiles(files), {});
  expect(await sensor.read(never)).toEqual({ '': { value: 48.312 } });
});

test('a zone that is missing, or gives no number, is an error', async () => {
  await expect(openSensor(thermal, playbackFiles(files), { zone: 'gpu' })).rejects.toThrow(
    'no thermal zone gpu, there is cpu-thermal, battery',
  );
  const sensor = await openSensor(thermal, playbackFiles(files), { zone: 'battery' });
  await expect(sensor.read(never)).rejects.toThrow('battery is no number: "x"');
});
