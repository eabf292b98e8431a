import { describe, expect, test } from 'vitest';
import { playbackFiles } from '../../../src/buses/playback.ts';
import { drivers } from '../../../src/driver-table.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

// What every driver must do that finds a device of the kernel by its name.

/** A class of devices: where they are, and what a device of it has. */
interface Case {
  readonly folder: string;
  readonly entries: readonly [one: string, two: string];
  readonly nameFile: string;
  readonly value: readonly [file: string, text: string];
  readonly label?: string;
  options(name: string): Readonly<Record<string, unknown>>;
}

const CASES: Readonly<Record<string, Case>> = {
  hwmon: {
    folder: '/sys/class/hwmon',
    entries: ['hwmon0', 'hwmon1'],
    nameFile: 'name',
    value: ['temp1_input', '20000'],
    label: 'temp1_label',
    options: (chip) => ({ chip }),
  },
  iio: {
    folder: '/sys/bus/iio/devices',
    entries: ['iio:device0', 'iio:device1'],
    nameFile: 'name',
    value: ['in_temp_input', '20000'],
    label: 'label',
    options: (device) => ({ device, channel: 'temp' }),
  },
  thermal: {
    folder: '/sys/class/thermal',
    entries: ['thermal_zone0', 'thermal_zone1'],
    nameFile: 'type',
    value: ['temp', '20000'],
    options: (zone) => ({ zone }),
  },
};

test('every driver that has `at` is here', () => {
  const named = [...drivers.values()].filter(({ options }) => 'at' in options.shape);
  expect(named.map(({ name }) => name).sort()).toEqual(Object.keys(CASES).sort());
});

const I2C = '/sys/devices/platform/soc/fe804000.i2c/i2c-1';

/** Two devices of one name; the second has another value. */
function twins(
  one: Case,
  name: string,
  paths: readonly [string, string],
  labels?: readonly string[],
) {
  const files = new Map<string, string>();
  const links = new Map<string, string>();
  for (const [index, entry] of one.entries.entries()) {
    const folder = `${one.folder}/${entry}`;
    const [file, text] = one.value;
    files.set(`${folder}/${one.nameFile}`, `${name}\n`);
    files.set(`${folder}/${file}`, index === 0 ? text : '30000');
    if (labels !== undefined) files.set(`${folder}/${one.label}`, `${labels[index]}\n`);
    links.set(folder, paths[index] ?? folder);
  }
  return playbackFiles(files, undefined, links);
}

describe.each(Object.entries(CASES))('%s', (driverName, one) => {
  const driver = drivers.get(driverName)!;
  const onBus = [`${I2C}/1-0048/x/${one.entries[0]}`, `${I2C}/1-0049/x/${one.entries[1]}`] as const;
  const read = async (
    files: ReturnType<typeof twins>,
    name: string,
    more: Readonly<Record<string, unknown>> = {},
  ) => {
    const sensor = await openSensor(driver, files, { ...one.options(name), ...more });
    return (await sensor.read(never))['']?.value;
  };

  test('a name that is there twice is refused with what tells the two apart', async () => {
    const files = twins(one, 'lm75', onBus);
    await expect(read(files, 'lm75')).rejects.toThrow(
      /^2 devices have the name lm75 .*, say which with at: i2c-1\/0x48 or i2c-1\/0x49$/,
    );
    expect(await read(files, 'lm75', { at: 'i2c-1/0x48' })).toBe(20);
    expect(await read(files, 'lm75', { at: 'i2c-1/0x49' })).toBe(30);
    expect(await read(files, 'lm75', { at: `${I2C}/1-0049` })).toBe(30);
    expect(await read(files, 'lm75', { at: one.entries[1] })).toBe(30);
    await expect(read(files, 'lm75', { at: I2C })).rejects.toThrow('2 devices have the name lm75');
    await expect(read(files, 'lm75', { at: 'i2c-1/0x4' })).rejects.toThrow(
      'lm75 at i2c-1/0x4, there is lm75 at i2c-1/0x48, lm75 at i2c-1/0x49',
    );
  });

  test('devices elsewhere are told apart by their path', async () => {
    const path = (port: number) => `/sys/devices/pci0000:00/usb1/1-${port}/1-${port}:1.0`;
    const files = twins(one, 'dev', [path(1), path(2)]);
    await expect(read(files, 'dev')).rejects.toThrow(`say which with at: ${path(1)} or ${path(2)}`);
    expect(await read(files, 'dev', { at: path(2) })).toBe(30);
  });

  test.runIf(one.label !== undefined)('or by their labels, where these differ', async () => {
    const files = twins(one, 'lm75', onBus, ['inlet', 'outlet']);
    await expect(read(files, 'lm75')).rejects.toThrow(', or with deviceLabel: inlet or outlet');
    expect(await read(files, 'lm75', { deviceLabel: 'outlet' })).toBe(30);
    const same = twins(one, 'lm75', onBus, ['air', 'air']);
    await expect(read(same, 'lm75')).rejects.toThrow(/i2c-1\/0x49$/);
    await expect(read(same, 'lm75', { deviceLabel: 'air' })).rejects.toThrow(
      '2 devices have the name',
    );
  });

  test.each(['ads:1.5', 'a.b-c', 'w1_slave_temp', 'x,y'])(
    'a name such as %s is found',
    async (name) => {
      const files = twins(one, name, onBus);
      expect(await read(files, name, { at: 'i2c-1/0x48' })).toBe(20);
    },
  );

  test('its value is read at the place of the device, which nothing else waits for', async () => {
    const files = twins(one, 'lm75', onBus);
    const places: (string | undefined)[] = [];
    const watched = {
      ...files,
      read: (path: string, place?: string) => {
        if (path.endsWith(`/${one.value[0]}`)) places.push(place);
        return files.read(path);
      },
    };
    await read(watched, 'lm75', { at: 'i2c-1/0x48' });
    expect(places).toEqual([`${one.folder}/${one.entries[0]}`]);
  });

  test('a number that the kernel has given to another device is not read on', async () => {
    const folder = `${one.folder}/${one.entries[0]}`;
    let path: string = onBus[0];
    const files = {
      ...twins(one, 'lm75', onBus),
      realPath: async (asked: string) => (asked === folder ? path : onBus[1]),
    };
    const options = { ...one.options('lm75'), at: 'i2c-1/0x48' };
    const sensor = await openSensor(driver, files, options);
    expect((await sensor.read(never))['']?.value).toBe(20);
    path = `${I2C}/1-0050/x/${one.entries[0]}`;
    await expect(sensor.read(never)).rejects.toThrow(
      'another device has taken its number: i2c-1/0x50',
    );
  });

  test('an empty file is no value', async () => {
    const files = twins({ ...one, value: [one.value[0], '\n'] }, 'lm75', onBus);
    await expect(read(files, 'lm75', { at: 'i2c-1/0x48' })).rejects.toThrow('is no number: ""');
  });
});
