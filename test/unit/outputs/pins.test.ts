import { describe, expect, test } from 'vitest';
import { createKeyedMutex } from '../../../src/base/mutex.ts';
import type { I2cDevice } from '../../../src/buses/i2c-device.ts';
import { parsePin } from '../../../src/config/schema/pins.ts';
import { drivers } from '../../../src/driver-table.ts';
import { createPins } from '../../../src/outputs/pins.ts';
import { mcp23017 } from '../../scenarios/vm/chips/mcp23017.ts';
import { pca9535 } from '../../scenarios/vm/chips/pca9535.ts';
import { pcf8574 } from '../../scenarios/vm/chips/pcf8574.ts';
import type { PinChip } from '../../scenarios/vm/chips/pins.ts';
import { fakeBuses } from '../../support/fake-buses.ts';

/** Chips as their datasheets have them; each can be exchanged for one that has just been switched on. */
const CHIPS = { mcp23017, pca9535, pcf8574 } as const;
const names = Object.keys(CHIPS) as (keyof typeof CHIPS)[];

function setUp(name: keyof typeof CHIPS) {
  let chip: PinChip = CHIPS[name]();
  const device: I2cDevice = {
    async transfer(write, readLength) {
      await Promise.resolve();
      if (write.length > 0) chip.write(write);
      return chip.read(readLength) ?? new Uint8Array(readLength);
    },
  };
  const buses = fakeBuses({ chips: new Map([['i2c-1 0x20', device]]) });
  const pins = createPins({ drivers, buses, mutexOf: createKeyedMutex() });
  return {
    chip: () => chip,
    open: (pin: number, options: { initial: boolean; activeLow?: boolean }) =>
      pins.open(parsePin(`${name}@i2c-1/0x20:${pin}`)!, options),
    powerCycle() {
      chip = CHIPS[name]();
    },
    all: () => Array.from({ length: drivers.get(name)?.outputs?.pins ?? 0 }, (_, pin) => pin),
  };
}

test('the chips are those of the drivers that have outputs', () => {
  const able = [...drivers.values()].filter(({ outputs }) => outputs).map(({ name }) => name);
  expect(able.sort()).toEqual([...names].sort());
});

describe.each(names)('%s', (name) => {
  test('a pin has its first level as soon as it is an output, and no other pin changes', async () => {
    const { chip, open, all } = setUp(name);
    const before = all().map((pin) => chip().drives(pin));
    const last = all().length - 1;
    const output = await open(last, { initial: false });
    expect(chip().drives(last)).toBe(false);
    expect(await output.read()).toBe(false);
    await output.write(true);
    expect(chip().drives(last)).toBe(true);
    expect(await output.read()).toBe(true);
    for (const pin of all().slice(0, -1)) expect(chip().drives(pin)).toBe(before[pin]);
  });

  test('several pins are driven at once, each as it was told', async () => {
    const { chip, open, all } = setUp(name);
    const outputs = await Promise.all(all().map((pin) => open(pin, { initial: pin % 2 === 0 })));
    expect(all().map((pin) => chip().drives(pin))).toEqual(all().map((pin) => pin % 2 === 0));
    await Promise.all(outputs.map((output, pin) => output.write(pin % 3 === 0)));
    expect(all().map((pin) => chip().drives(pin))).toEqual(all().map((pin) => pin % 3 === 0));
  });

  test('active low is low', async () => {
    const { chip, open } = setUp(name);
    const output = await open(2, { initial: true, activeLow: true });
    expect(chip().drives(2)).toBe(false);
    expect(await output.read()).toBe(true);
  });

  test('a chip that was reset is told, and driven again when it is opened anew', async () => {
    const { chip, open, powerCycle } = setUp(name);
    const output = await open(2, { initial: false });
    powerCycle();
    await expect(output.read()).rejects.toThrow('the chip was reset');
    await open(2, { initial: false });
    expect(chip().drives(2)).toBe(false);
    expect(await output.read()).toBe(false);
  });
});

test('a chip that is not there is the reason', async () => {
  const pins = createPins({ drivers, buses: fakeBuses(), mutexOf: createKeyedMutex() });
  const spec = parsePin('pca9535@i2c-1/0x21:3')!;
  await expect(pins.open(spec, { initial: false })).rejects.toThrow('no answer from 0x21 on i2c-1');
});

test.each([
  'DO0',
  'GPIO17',
  'gpiochip0:17',
  'pca9535@i2c-1:3',
  'pca9535@i2c-1/0x80:3',
  '@i2c-1/0x20:3',
])('%s is no pin of a chip', (text) => {
  expect(parsePin(text)).toBeUndefined();
});

test('a pin behind a multiplexer', () => {
  const spec = { driver: 'pca9535', bus: 'i2c-1/0x70/3', address: 0x20, pin: 15 };
  expect(parsePin('pca9535@i2c-1/0x70/3/0x20:15')).toEqual(spec);
});
