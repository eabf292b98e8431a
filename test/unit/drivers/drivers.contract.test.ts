import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { playback, playbackFiles } from '../../../src/buses/playback.ts';
import type { Recording } from '../../../src/cli/recording.ts';
import type { Driver, Handles, Samples, z } from '../../../src/driver-kit/driver.ts';
import { drivers } from '../../../src/driver-table.ts';
import { createHastyTools, never } from '../../support/open-sensor.ts';
import { loadOutsideDriver } from '../../support/outside-driver.ts';
import { playbackLine, playbackLines } from '../../support/playback-gpio.ts';

/** For drivers whose options can't all be left out. */
const OPTIONS: Readonly<Record<string, readonly Record<string, unknown>[]>> = {
  hwmon: [{ chip: 'cpu_thermal' }],
  iio: [{ device: 'ads1015', channel: 'voltage0' }],
  ina219: [{ shunt: 0.002 }],
  ina226: [{ shunt: 0.002 }],
  simulated: ['joint-temperature', 'gripper', 'door', 'cycles'].map((signal) => ({ signal })),
};

/** Those of the tree, and one from outside of it. */
const all = [...drivers.values(), await loadOutsideDriver()];

function recordingOf(name: string): Recording {
  return JSON.parse(readFileSync(`test/fixtures/i2c/${name}.json`, 'utf8')) as Recording;
}

/** The files of a machine, and what a driver makes of them. */
interface FilesFixture {
  readonly options: Readonly<Record<string, unknown>>;
  readonly files: Readonly<Record<string, string>>;
  readonly samples: Samples;
}

function filesOf(name: string): FilesFixture {
  return JSON.parse(readFileSync(`test/fixtures/files/${name}.json`, 'utf8')) as FilesFixture;
}

function handleOf(driver: Driver): Handles[keyof Handles] {
  switch (driver.bus) {
    case 'i2c':
      return playback(recordingOf(driver.name).transfers);
    case 'gpio-input':
      return playbackLine();
    case 'gpio-inputs':
      return playbackLines(driver.lines?.map(() => false) ?? []);
    case 'files':
      return playbackFiles(new Map(Object.entries(filesOf(driver.name).files)));
    case 'none':
      return undefined;
  }
}

test('every file in drivers is in the table under its own name', () => {
  const files = readdirSync('drivers').map((file) => file.replace(/\.ts$/, ''));
  expect([...drivers.keys()].sort()).toEqual(files.sort());
});

describe.each([...drivers.keys()])('the file of %s', (name) => {
  test('has a test', () => {
    expect(existsSync(`test/unit/drivers/${name}.test.ts`)).toBe(true);
    const text = readFileSync(`test/unit/drivers/${name}.test.ts`, 'utf8');
    expect(text).toMatch(/\btest\(/);
    if (drivers.get(name)!.bus === 'i2c') expect(text, 'a bus error').toMatch(/\berror\b/);
  });

  test('imports only the driver module', () => {
    const imports = readFileSync(`drivers/${name}.ts`, 'utf8').matchAll(/from '(.*)'/g);
    expect([...imports].map(([, from]) => from)).toEqual(['../src/driver-kit/driver.ts']);
  });
});

describe.each(all.map((driver) => [driver.name, driver] as const))('%s', (name, driver) => {
  const optionSets = OPTIONS[name] ?? [{}];

  test('has a kebab-case name and a summary of one line', () => {
    expect(name).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    expect(driver.summary).toMatch(/^[^\n.]{10,100}$/);
  });

  test('refuses options it does not know', () => {
    for (const options of optionSets) {
      expect(driver.options.safeParse(options).success).toBe(true);
      expect(driver.options.safeParse({ ...options, unheardOf: 1 }).success).toBe(false);
    }
  });

  test('says what each of its options is for', () => {
    for (const [key, option] of Object.entries(driver.options.shape)) {
      expect((option as z.ZodType).description, key).toMatch(/^[^\n]{10,120}\.$/);
    }
  });

  test('its samples have the keys of its channels, which are unique topic levels, in the time that it declares', async () => {
    for (const options of optionSets) {
      const parsed = driver.options.parse(options);
      const names = driver.channels(parsed).map((channel) => channel.name);
      expect(new Set(names).size).toBe(names.length);
      for (const channel of names) expect(channel).toMatch(/^[a-z0-9-]*$/);
      const { tools, slept } = createHastyTools();
      const sensor = await driver.open(handleOf(driver), parsed, tools, never);
      slept.length = 0;
      expect(Object.keys(await sensor.read(never)).sort()).toEqual(names.sort());
      const waitedMs = slept.reduce((sum, ms) => sum + ms, 0);
      expect(waitedMs, 'readMs').toBeLessThanOrEqual(driver.readMs?.(parsed) ?? 0);
      await sensor.close?.();
    }
  });
});

describe.each(all.filter(({ bus }) => bus === 'i2c').map((one) => [one.name, one] as const))(
  '%s on I2C',
  (name, driver) => {
    test('names its datasheet and its addresses', () => {
      expect(driver.datasheet).toMatch(/^https:\/\//);
      expect(driver.addresses?.length).toBeGreaterThan(0);
      for (const address of driver.addresses ?? []) {
        expect(address).toBeGreaterThanOrEqual(0x08);
        expect(address).toBeLessThanOrEqual(0x77);
      }
    });

    test('makes of its recording what it made when it was recorded', async () => {
      const recording = recordingOf(name);
      expect(recording.driver).toBe(name);
      expect(driver.addresses).toContain(recording.address);
      const chip = playback(recording.transfers);
      const { tools } = createHastyTools();
      const sensor = await driver.open(chip, recording.options, tools, never);
      expect(await sensor.read(never)).toEqual(recording.samples);
      chip.done();
    });
  },
);

describe.each(all.filter(({ bus }) => bus === 'files').map((one) => [one.name, one] as const))(
  '%s on files',
  (name, driver) => {
    test('makes of its files what it made when they were kept', async () => {
      const { options, files, samples } = filesOf(name);
      const { tools } = createHastyTools();
      const handle = playbackFiles(new Map(Object.entries(files)), { free: 25, total: 100 });
      const sensor = await driver.open(handle, options, tools, never);
      expect(await sensor.read(never)).toEqual(samples);
    });
  },
);
