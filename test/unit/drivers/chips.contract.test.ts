import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Driver, type Samples, SettingsLostError } from '../../../src/driver-kit/driver.ts';
import { drivers } from '../../../src/driver-table.ts';
import { setChipTime } from '../../scenarios/vm/chips/chip.ts';
import {
  CHIP_CASES,
  type ChipCase,
  type ChipSocket,
  chipSocket,
} from '../../support/chip-cases.ts';
import { createHastyTools, never } from '../../support/open-sensor.ts';
import { POSSIBLE_VALUES } from '../../support/possible-values.ts';

// What every driver of a chip on I2C must do when the chip is dead, was reset or was used by another program.

const { tools, clock, reported } = createHastyTools();

beforeAll(() => setChipTime({ now: () => clock.monotonic(), slowed: 1 }));
afterAll(() => setChipTime({ now: () => performance.now(), slowed: 4 }));

const onI2c = [...drivers.values()].filter(({ bus }) => bus === 'i2c');

test('every driver on I2C has a chip to be tried with', () => {
  const missing = onI2c.map(({ name }) => name).filter((name) => !CHIP_CASES[name]);
  expect(missing, 'add them to CHIP_CASES in test/support/chip-cases.ts').toEqual([]);
  expect(Object.keys(CHIP_CASES).sort()).toEqual(onI2c.map(({ name }) => name).sort());
});

/** More than the longest first measurement of any chip. */
const SETTLED_MS = 3000;

const cases = onI2c.flatMap((driver) =>
  (CHIP_CASES[driver.name] ?? []).map(
    (one) => [`${driver.name} ${JSON.stringify(one.options ?? {})}`, driver, one] as const,
  ),
);

async function open(driver: Driver, chip: ChipSocket, { options = {} }: ChipCase) {
  return driver.open(chip, driver.options.parse(options), tools, never);
}

/** A chip that has been powered for long. */
async function settled(one: ChipCase): Promise<ChipSocket> {
  const chip = chipSocket(one.create());
  await clock.advance(SETTLED_MS);
  return chip;
}

/** The samples as they are without any disturbance. */
async function undisturbed(driver: Driver, one: ChipCase): Promise<Samples> {
  const sensor = await open(driver, await settled(one), one);
  const samples = await sensor.read(never);
  await sensor.close?.();
  return samples;
}

/** No sample is good and wrong. */
function expectTruth(samples: Samples, right: Samples): void {
  for (const [name, { value, quality = 'good' }] of Object.entries(samples)) {
    if (value === null || quality !== 'good') continue;
    const wanted = right[name]?.value;
    if (typeof wanted === 'number') expect(value, name).toBeCloseTo(wanted, 6);
    else expect(value, name).toBe(wanted);
  }
}

function expectBad(samples: Samples): void {
  for (const [name, { value, reason }] of Object.entries(samples)) {
    expect(value, name).toBeNull();
    expect(reason, name).toMatch(/all (bits|registers) read/);
  }
}

describe.each(cases)('%s', (_name, driver, one) => {
  test('reads good values from its chip', async () => {
    const samples = await undisturbed(driver, one);
    for (const { value, quality } of Object.values(samples)) {
      expect(value).not.toBeNull();
      expect(quality ?? 'good').toBe('good');
    }
  });

  test.each(['zeros', 'ones'] as const)('all %s is no value, from the start', async (line) => {
    const chip = chipSocket(one.create());
    chip.line = line;
    const result = await open(driver, chip, one)
      .then((sensor) => sensor.read(never))
      .catch((error: Error) => error);
    if (one.real?.[line]) expect(result).not.toBeInstanceOf(Error);
    else if (result instanceof Error) expect(result.message).toMatch(/^all (bits|registers) read/);
    else expectBad(result);
  });

  test.each(['zeros', 'ones'] as const)('all %s is no value, between two reads', async (line) => {
    const chip = await settled(one);
    const sensor = await open(driver, chip, one);
    await sensor.read(never);
    chip.line = line;
    const result = await sensor.read(never).catch((error: Error) => error);
    if (one.real?.[line]) expect(result).not.toBeInstanceOf(Error);
    else if (result instanceof Error) expect(result.message).toMatch(/^all (bits|registers) read/);
    else expectBad(result);
    chip.line = 'driven';
    expectTruth(await (await open(driver, chip, one)).read(never), await undisturbed(driver, one));
  });

  test('a reset at any moment gives no wrong value that is good, and is put right', async () => {
    const right = await undisturbed(driver, one);
    const transfers = await transfersOfARead(driver, one);
    expect(transfers).toBeGreaterThan(0);
    // All moments of short reads; of windows of samples the first ones and the last ones.
    const moments = Array.from({ length: transfers + 1 }, (_, at) => at).filter(
      (at) => at < 12 || at > transfers - 12,
    );
    for (const moment of moments) {
      const chip = await settled(one);
      const sensor = await open(driver, chip, one);
      await sensor.read(never);
      let first: number | undefined;
      chip.before = (count) => {
        first ??= count;
        if (count - first === moment) chip.chip = one.create();
      };
      const during = await sensor.read(never).catch((error: Error) => error);
      if (!(during instanceof Error)) expectTruth(during, right);
      chip.before = undefined;
      if (moment === transfers) chip.chip = one.create();
      const after = await sensor.read(never).catch((error: Error) => error);
      const lost = during instanceof SettingsLostError || after instanceof SettingsLostError;
      if (!(after instanceof Error)) expectTruth(after, right);
      // The gateway opens it again after such an error; otherwise it must be right by itself.
      const again = lost ? await open(driver, chip, one) : sensor;
      await clock.advance(SETTLED_MS);
      expect(await again.read(never), `reset before transfer ${moment}`).toEqual(right);
    }
  });

  test.each(Object.entries(one.leftOver))('%s: set anew', async (_what, writes) => {
    const right = await undisturbed(driver, one);
    const chip = await settled(one);
    for (const bytes of writes) chip.chip.write(Uint8Array.from(bytes));
    const sensor = await open(driver, chip, one);
    expectTruth(await sensor.read(never), right);
    await clock.advance(SETTLED_MS);
    expect(await sensor.read(never)).toEqual(right);

    for (const bytes of writes) chip.chip.write(Uint8Array.from(bytes));
    const meanwhile = await sensor.read(never).catch((error: Error) => error);
    if (!(meanwhile instanceof Error)) return expectTruth(meanwhile, right);
    expect(meanwhile).toBeInstanceOf(SettingsLostError);
    expect(await (await open(driver, chip, one)).read(never)).toEqual(right);
  });
});

const withIds = onI2c
  .filter(({ options }) => 'accept' in options.shape)
  .map((driver) => [driver.name, driver, CHIP_CASES[driver.name]?.[0]] as const);

test.each(withIds)(
  '%s takes a compatible chip with another id only if reported so',
  async (_name, driver, one) => {
    const id = 0x9d;
    const socket = () => chipSocket(one!.withId!(id));
    await expect(open(driver, socket(), one!)).rejects.toThrow(/^not an? .*0x(00)?9d, expected 0x/);
    const wrong = { ...one!, options: { ...one!.options, accept: { id: 0x9e } } };
    await expect(open(driver, socket(), wrong)).rejects.toThrow(/^not an? /);
    const accepting = { ...one!, options: { ...one!.options, accept: { id } } };
    reported.length = 0;
    const chip = socket();
    await clock.advance(SETTLED_MS);
    const sensor = await open(driver, chip, accepting);
    expect(reported).toEqual([
      expect.stringMatching(/^taken for an? .* because of accept: .*0x(00)?9d/),
    ]);
    expectTruth(await sensor.read(never), await undisturbed(driver, one!));
  },
);

const durations = cases.flatMap(([, driver, one]) =>
  [one.options ?? {}, ...(one.others ?? [])].map(
    (options) =>
      [`${driver.name} ${JSON.stringify(options)}`, driver, { ...one, options }] as const,
  ),
);

test.each(durations)('%s takes as long to read as it declares', async (_name, driver, one) => {
  const sensor = await open(driver, await settled(one), one);
  const declaredMs = driver.readMs?.(driver.options.parse(one.options)) ?? 0;
  const before = clock.monotonic();
  await sensor.read(never);
  const tookMs = clock.monotonic() - before;
  expect(tookMs).toBeLessThanOrEqual(declaredMs);
  // Not much less either: who takes the smallest interval that works must not wait for nothing.
  expect(declaredMs).toBeLessThanOrEqual(1.5 * tookMs + 20);
});

test('every driver on I2C has a value that looks like a fault and is none', () => {
  const missing = onI2c.map(({ name }) => name).filter((name) => !POSSIBLE_VALUES[name]);
  expect(missing, 'add them to POSSIBLE_VALUES in test/support/possible-values.ts').toEqual([]);
});

const possible = onI2c.flatMap((driver) =>
  (POSSIBLE_VALUES[driver.name] ?? []).map((one) => [driver.name, one.what, driver, one] as const),
);

test.each(possible)('%s: %s is good', async (_name, _what, driver, one) => {
  const chip = chipSocket(one.create());
  await clock.advance(SETTLED_MS);
  const options = driver.options.parse(one.options ?? {});
  const sensor = await driver.open(chip, options, tools, never);
  // A value of the first moments may be doubted, but it is a value.
  for (const [name, { value }] of Object.entries(await sensor.read(never)))
    if (name !== one.without) expect(value, name).not.toBeNull();
  await clock.advance(SETTLED_MS);
  const samples = await sensor.read(never);
  for (const [name, { value, quality = 'good' }] of Object.entries(samples)) {
    if (name === one.without) continue;
    expect({ name, value, quality }).toMatchObject({ value: expect.anything(), quality: 'good' });
    const wanted = one.values[name];
    if (typeof wanted === 'number') expect(value, name).toBeCloseTo(wanted, 6);
    else if (wanted !== undefined) expect(value, name).toBe(wanted);
  }
  expect(Object.keys(samples)).toEqual(expect.arrayContaining(Object.keys(one.values)));
});

async function transfersOfARead(driver: Driver, one: ChipCase): Promise<number> {
  const chip = await settled(one);
  const sensor = await open(driver, chip, one);
  let count = 0;
  chip.before = () => {
    count += 1;
  };
  await sensor.read(never);
  return count;
}
