import { expect, test } from 'vitest';
import ds18b20, { toSample } from '../../../drivers/ds18b20.ts';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

const text = (thousandths: number | string, crc = 'YES'): string =>
  `91 01 4b 46 7f ff 0c 10 25 : crc=25 ${crc}\n91 01 4b 46 7f ff 0c 10 25 t=${thousandths}\n`;

test.each([
  [25_062, 25.062],
  [-10_125, -10.125],
  [0, 0],
  [125_000, 125],
])('t=%d', (thousandths, value) => expect(toSample(text(thousandths))).toEqual({ value }));

test('a wrong checksum is bad, the power-on value is uncertain, no temperature is bad', () => {
  expect(toSample(text(25_062, 'NO')).value).toBeNull();
  expect(toSample(text(85_000))).toMatchObject({ value: 85, quality: 'uncertain' });
  expect(toSample(text(''))).toEqual({ value: null, reason: 'the kernel gives no temperature' });
});

const path = (id: string): string => `/sys/bus/w1/devices/${id}/w1_slave`;

test('finds the only one, or takes the one that is named', async () => {
  const files = new Map([
    [path('28-0316a2795abf'), text(21_500)],
    ['/sys/bus/w1/devices/w1_bus_master1/name', 'w1_bus_master1'],
  ]);
  const only = await openSensor(ds18b20, playbackFiles(files), {});
  expect(await only.read(never)).toEqual({ '': { value: 21.5 } });
  files.set(path('28-000000000001'), text(30_000));
  const named = await openSensor(ds18b20, playbackFiles(files), { id: '28-000000000001' });
  expect(await named.read(never)).toEqual({ '': { value: 30 } });
  await expect(openSensor(ds18b20, playbackFiles(files), {})).rejects.toThrow(
    'there are 2 thermometers, say which by id: 28-000000000001, 28-0316a2795abf',
  );
  files.delete(path('28-000000000001'));
  await expect(named.read(never)).rejects.toThrow('no answer from 28-000000000001 on 1-Wire');
});

test('without a bus or a thermometer it says so', async () => {
  await expect(openSensor(ds18b20, playbackFiles(new Map()), {})).rejects.toThrow('no 1-Wire bus');
  const files = new Map([['/sys/bus/w1/devices/w1_bus_master1/name', 'x']]);
  await expect(openSensor(ds18b20, playbackFiles(files), {})).rejects.toThrow(
    'no thermometer answers on 1-Wire',
  );
  expect(ds18b20.options.safeParse({ id: '29-1' }).success).toBe(false);
});
