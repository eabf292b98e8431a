import { describe, expect, test } from 'vitest';
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
])('t=%d', (thousandths, value) => expect(toSample(text(thousandths), '28')).toEqual({ value }));

test('a wrong checksum is bad, the power-on value is uncertain, no temperature is bad', () => {
  expect(toSample(text(25_062, 'NO'), '28').value).toBeNull();
  expect(toSample(text(85_000), '28')).toMatchObject({ value: 85, quality: 'uncertain' });
  expect(toSample(text(''), '28')).toEqual({
    value: null,
    reason: 'the kernel gives no temperature',
  });
});

describe('what comes from no thermometer is bad, with the true reason', () => {
  const slave = (bytes: string, t: number | string, crc = 'YES'): string =>
    `${bytes} : crc=${bytes.slice(-2)} ${crc}\n${bytes} t=${t}\n`;
  const zeros = 'all bits read 0: the data line is held low, or the chip has no supply';
  const ones = 'all bits read 1: the chip does not drive the data line';
  const wrong = 'the answer comes from no thermometer: bits that never change are wrong';

  test.each([
    ['an empty file', '28', '', 'the thermometer does not answer on 1-Wire'],
    ['zeros, whose checksum is right', '28', slave('00 00 00 00 00 00 00 00 00', 0), zeros],
    ['zeros of a DS18S20', '10', slave('00 00 00 00 00 00 00 00 00', 0), zeros],
    ['zeros of a DS1825', '3b', slave('00 00 00 00 00 00 00 00 00', 0), zeros],
    ['ones', '28', slave('ff ff ff ff ff ff ff ff ff', '', 'NO'), ones],
    ['configuration 0', '28', slave('91 01 4b 46 00 ff 0c 10 25', 25062), wrong],
    ['no sign', '28', slave('91 21 4b 46 7f ff 0c 10 25', 25062), wrong],
    ['no count per degree', '10', slave('32 00 4b 46 ff ff 0c 00 25', 25062), wrong],
    ['a DS1825 without its fixed bit', '3b', slave('91 01 4b 46 6f ff 0c 10 25', 25062), wrong],
    [
      'a MAX31850 without thermocouple',
      '3b',
      slave('91 01 4b 46 f0 ff 0c 10 25', 25062),
      'the thermocouple is open or short-circuited',
    ],
  ])('%s', (_what, family, content, reason) => {
    expect(toSample(content, family)).toEqual({ value: null, reason });
  });

  test.each([
    ['DS18S20', '10', 'aa 00 4b 46 ff ff 0c 10 87', 85_000],
    ['DS18S20', '10', '32 00 4b 46 ff ff 0c 10 25', 25_000],
    ['DS18S20 below zero', '10', 'ce ff 4b 46 ff ff 0c 10 25', -25_000],
    ['DS1822', '22', '91 01 4b 46 1f ff 0c 10 25', 25_062],
    ['DS18B20 with 9 bits', '28', '90 01 4b 46 1f ff 0c 10 25', 25_000],
    ['DS18B20 at 0 °C', '28', '00 00 4b 46 7f ff 0c 10 25', 0],
    ['DS18B20 at -55 °C', '28', '90 fc 4b 46 7f ff 0c 10 25', -55_000],
    ['a clone with 14 bits', '28', '91 01 4b 46 fd ff 0c 10 25', 25_078],
    ['DS1825 with address 10', '3b', '91 01 4b 46 7a ff 0c 10 25', 25_062],
    ['MAX31850 at 900 °C', '3b', '40 38 4b 46 f3 ff 0c 10 25', 900_000],
    ['DS28EA00', '42', '91 01 4b 46 7f ff 0c 10 25', 25_062],
  ])('%s is read', (_chip, family, bytes, thousandths) => {
    expect(toSample(slave(bytes, thousandths), family).value).toBe(thousandths / 1000);
    const id = `${family}-0316a2795abf`;
    expect(ds18b20.options.safeParse({ id }).success).toBe(true);
  });
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

test('thermometers of one bus share it, and all files that the kernel asks them for are read at its place', async () => {
  const id = '28-0316a2795abf';
  const link = [`/sys/bus/w1/devices/${id}`, `/sys/devices/w1_bus_master2/${id}`] as const;
  const resolution = `/sys/bus/w1/devices/${id}/resolution`;
  const contents = new Map([
    [path(id), text(21_500)],
    [resolution, '12'],
  ]);
  const files = playbackFiles(contents, undefined, new Map([link]));
  const places: [file: string, place: string | undefined][] = [];
  const watched = {
    ...files,
    read: (file: string, place?: string) => {
      places.push([file, place]);
      return files.read(file);
    },
  };
  const sensor = await openSensor(ds18b20, watched, {});
  await sensor.read(never);
  const bus = 'w1_bus_master2';
  expect(sensor.shared).toBe(bus);
  expect(places).toEqual([
    [resolution, bus],
    [path(id), bus],
  ]);
});

test('more bits than the config says would take longer than a read may', async () => {
  const id = '28-0316a2795abf';
  const resolution = `/sys/bus/w1/devices/${id}/resolution`;
  const files = new Map([
    [path(id), text(21_500)],
    [resolution, '12'],
  ]);
  await expect(openSensor(ds18b20, playbackFiles(files), { resolution: 9 })).rejects.toThrow(
    `${id} has 12 bits, not 9: echo 9 > ${resolution}`,
  );
  files.set(resolution, '9');
  await openSensor(ds18b20, playbackFiles(files), { resolution: 9 });
  await openSensor(ds18b20, playbackFiles(files), {});
  const readMs = ([9, 10, 11, 12] as const).map((bits) => ds18b20.readMs?.({ resolution: bits }));
  expect(readMs).toEqual([114, 208, 395, 770]);
});
