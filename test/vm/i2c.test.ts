import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ads1115 } from './chips/ads1115.ts';
import { adxl345 } from './chips/adxl345.ts';
import { bh1750 } from './chips/bh1750.ts';
import { bme280 } from './chips/bme280.ts';
import type { Chip } from './chips/chip.ts';
import { ina219 } from './chips/ina219.ts';
import { ina226 } from './chips/ina226.ts';
import { lis3dh } from './chips/lis3dh.ts';
import { lm75 } from './chips/lm75.ts';
import { mcp9808 } from './chips/mcp9808.ts';
import { mcp23017 } from './chips/mcp23017.ts';
import { pca9535 } from './chips/pca9535.ts';
import { pcf8574 } from './chips/pcf8574.ts';
import { sht3x } from './chips/sht3x.ts';
import { sht4x } from './chips/sht4x.ts';
import { tca9548a } from './chips/tca9548a.ts';
import { tmp102 } from './chips/tmp102.ts';
import { type Gateway, type Reading, startGateway } from './gateway.ts';
import { addHeader, type SimChip } from './gpio.ts';
import type { Machine } from './machine.ts';
import { theMachine } from './the-machine.ts';

/** Gravity, and on top of it a sine of 1 g at 6 Hz. */
const shaking = (seconds: number) => [0, 0, 1 + Math.sin(2 * Math.PI * 6 * seconds)] as const;

const chips = {
  tmp102: tmp102(),
  lm75: lm75(),
  mcp9808: mcp9808(),
  sht3x: sht3x(),
  sht4x: sht4x(),
  bme280: bme280(),
  ads1115: ads1115(0, 0, 0, 0),
  ina219: ina219(),
  ina226: ina226(),
  mcp23017: mcp23017(),
  pca9535: pca9535(),
  pcf8574: pcf8574(),
  bh1750: bh1750(),
  lis3dh: lis3dh(shaking),
  adxl345: adxl345(shaking),
  mux: tca9548a(),
  owned: lm75(33.5),
  left: tmp102(1),
  right: tmp102(2),
};

const places: readonly (readonly [address: number, chip: Chip])[] = [
  [0x48, chips.tmp102],
  [0x49, chips.lm75],
  [0x4c, chips.owned],
  [0x18, chips.mcp9808],
  [0x44, chips.sht3x],
  [0x46, chips.sht4x],
  [0x76, chips.bme280],
  [0x4a, chips.ads1115],
  [0x40, chips.ina219],
  [0x41, chips.ina226],
  [0x20, chips.mcp23017],
  [0x21, chips.pca9535],
  [0x38, chips.pcf8574],
  [0x23, chips.bh1750],
  [0x19, chips.lis3dh],
  [0x53, chips.adxl345],
  [0x70, chips.mux],
];

const YAML = `
sensors:
  - { name: tmp102, driver: tmp102, bus: i2c-1, address: 0x48, every: 1s, timeout: 3s }
  - { name: lm75, driver: lm75, bus: i2c-1, address: 0x49, every: 1s }
  - { name: mcp9808, driver: mcp9808, bus: i2c-1, address: 0x18, every: 1s }
  - { name: sht3x, driver: sht3x, bus: i2c-1, address: 0x44, every: 1s }
  - { name: sht4x, driver: sht4x, bus: i2c-1, address: 0x46, every: 1s, timeout: 3s }
  - { name: bme280, driver: bme280, bus: i2c-1, address: 0x76, every: 1s }
  - { name: ads1115, driver: ads1115, bus: i2c-1, address: 0x4a, every: 1s }
  - { name: loop, driver: ads1115, bus: i2c-1, address: 0x4a, input: AIN1, signal: 4-20mA, shunt: 120, scale: [0, 16], unit: bar, every: 1s }
  - { name: ina219, driver: ina219, bus: i2c-1, address: 0x40, shunt: 0.1, every: 1s }
  - { name: ina226, driver: ina226, bus: i2c-1, address: 0x41, shunt: 0.002, every: 1s }
  - { name: mcp23017, driver: mcp23017, bus: i2c-1, address: 0x20, interrupt: GPIO5, every: 60s }
  - { name: pca9535, driver: pca9535, bus: i2c-1, address: 0x21, interrupt: GPIO6, every: 60s }
  - { name: pcf8574, driver: pcf8574, bus: i2c-1, address: 0x38, activeLow: true, every: 1s }
  - { name: bh1750, driver: bh1750, bus: i2c-1, address: 0x23, every: 1s }
  - { name: lis3dh, driver: lis3dh, bus: i2c-1, address: 0x19, rate: 50, window: 32, every: 10s, timeout: 9s }
  - { name: adxl345, driver: adxl345, bus: i2c-1, address: 0x53, rate: 50, window: 32, every: 10s, timeout: 9s }
  - { name: left, driver: tmp102, bus: i2c-1/0x70/3, address: 0x4b, every: 1s, timeout: 3s }
  - { name: right, driver: tmp102, bus: i2c-1/0x70/5, address: 0x4b, every: 1s }
  - { name: owned, driver: lm75, bus: i2c-1, address: 0x4c, every: 1s }
  - { name: kernel, driver: hwmon, chip: lm75, every: 1s }
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
`;

const BUS = '/sys/bus/i2c/devices/i2c-1';

let machine: Machine;
let header: SimChip;
let gateway: Gateway;

beforeAll(async () => {
  machine = await theMachine();
  header = await addHeader(machine.shell);
  // Interrupt outputs are open drain with a pull-up.
  for (const line of [5, 6]) await header.drive(line, true);
  for (const [address, chip] of places) machine.i2c.chips.set(address, chip);
  chips.mux.channels[3]?.set(0x4b, chips.left);
  chips.mux.channels[5]?.set(0x4b, chips.right);
  await machine.shell(`modprobe lm75 && echo lm75 0x4c > ${BUS}/new_device`);
  gateway = await startGateway(machine, YAML);
});

afterAll(async () => {
  await gateway?.end();
  await header?.remove();
  machine?.i2c.chips.clear();
});

/** What a topic must say, to within half of the last digit given. */
type Wanted = readonly [topic: string, value: number | boolean | null, quality?: string];

/** Resolves when each topic has said what it must. */
async function say(...wanted: Wanted[]): Promise<void> {
  await Promise.all(
    wanted.map(async ([topic, value, quality = 'good']) => {
      const fits = (reading: Reading): boolean =>
        reading.quality === quality && close(reading.value, value);
      await gateway.next(topic, fits);
    }),
  );
}

function close(is: Reading['value'], wanted: Reading['value']): boolean {
  if (typeof is !== 'number' || typeof wanted !== 'number') return is === wanted;
  const digits = `${wanted}`.split('.')[1]?.length ?? 0;
  return Math.abs(is - wanted) <= 0.5001 * 10 ** -digits;
}

describe('every driver reads its chip right', () => {
  test('temperatures, from a millidegree to the ends of their scales', async () => {
    chips.tmp102.celsius = -0.0625;
    chips.lm75.celsius = -0.5;
    chips.mcp9808.celsius = -0.0625;
    [chips.left.celsius, chips.right.celsius] = [-25, 100];
    await say(['tmp102', -0.0625], ['lm75', -0.5], ['mcp9808', -0.0625]);
    await say(['left', -25], ['right', 100]);
    chips.tmp102.celsius = 127.9375;
    chips.lm75.celsius = 125;
    chips.mcp9808.celsius = 125;
    await say(['tmp102', 127.9375, 'uncertain'], ['lm75', 125], ['mcp9808', 125]);
    chips.tmp102.configuration |= 0x10;
    chips.tmp102.celsius = 150;
    chips.lm75.celsius = -55;
    chips.mcp9808.celsius = -40;
    await say(['tmp102', 150, 'uncertain'], ['lm75', -55], ['mcp9808', -40]);
    chips.tmp102.celsius = 23.5;
    await say(['tmp102', 23.5]);
  });

  test('humidity', async () => {
    Object.assign(chips.sht3x, { celsius: 25.4, humidity: 41.2 });
    Object.assign(chips.sht4x, { celsius: -10.2, rawHumidity: 0x8000 });
    await say(['sht3x/temperature', 25.4], ['sht3x/humidity', 41.2]);
    await say(['sht4x/temperature', -10.2], ['sht4x/humidity', 56.5]);
    Object.assign(chips.sht3x, { celsius: -45, humidity: 100 });
    Object.assign(chips.sht4x, { celsius: 130, rawHumidity: 0 });
    await say(['sht3x/temperature', -45, 'uncertain'], ['sht3x/humidity', 100]);
    await say(['sht4x/temperature', 130, 'uncertain'], ['sht4x/humidity', -6, 'uncertain']);
  });

  test('air, as the example in the datasheet of the BMP280 has it, and after its supply was off', async () => {
    await say(['bme280/temperature', 25.08], ['bme280/pressure', 1006.53]);
    // Bosch's own formula in integers makes 45570 / 1024 % of it.
    await say(['bme280/humidity', 44.5]);
    machine.i2c.chips.set(0x76, bme280());
    await say(['bme280/temperature', 25.08], ['bme280/pressure', 1006.53]);
  });

  test('voltages and currents', async () => {
    chips.ads1115.inputs.splice(0, 4, 1.25, 1.44, 0, 0);
    Object.assign(chips.ina219, { busVolts: 24, shuntVolts: 0.05 });
    Object.assign(chips.ina226, { busVolts: 36, shuntVolts: -0.02 });
    await say(['ads1115', 1.25], ['loop', 8]);
    await say(['ina219/voltage', 24], ['ina219/current', 0.5], ['ina219/power', 12]);
    await say(['ina226/voltage', 36], ['ina226/current', -10], ['ina226/power', -360]);
    chips.ads1115.inputs.splice(0, 4, 5, 0.12, 0, 0);
    Object.assign(chips.ina219, { shuntVolts: -0.5 });
    Object.assign(chips.ina226, { busVolts: 0, shuntVolts: 0.2 });
    await say(['ads1115', 4.0959, 'uncertain'], ['loop', null, 'bad']);
    await say(['ina219/current', -3.2, 'uncertain'], ['ina226/current', 40.96, 'uncertain']);
    chips.ads1115.inputs.splice(0, 1, -0.3);
    await say(['ads1115', -0.3]);
  });

  test('light', async () => {
    chips.bh1750.lux = 0;
    await say(['bh1750', 0]);
    chips.bh1750.lux = 1000;
    await say(['bh1750', 1000]);
    chips.bh1750.lux = 60_000;
    await say(['bh1750', 54_612.5, 'uncertain']);
  });

  test('vibration', async () => {
    const near = (wanted: number, by: number) => (reading: Reading) =>
      typeof reading.value === 'number' && Math.abs(reading.value - wanted) < by;
    const told = ['lis3dh', 'adxl345'].flatMap((topic) => [
      gateway.next(`${topic}/frequency`, near(6, 0.5), 40_000),
      gateway.next(`${topic}/rms`, near(Math.SQRT1_2, 0.05), 40_000),
      gateway.next(`${topic}/peak`, near(1, 0.1), 40_000),
    ]);
    await Promise.all(told);
  });

  test('pins, told by the interrupt as they change', async () => {
    const changed = say(['mcp23017/b7', true], ['pca9535/p03', false]);
    chips.mcp23017.set(0x8001);
    chips.pca9535.levels = 0xfff7;
    expect([chips.mcp23017.interrupting, chips.pca9535.interrupting]).toEqual([true, true]);
    await header.drive(5, false);
    await header.drive(6, false);
    await changed;
    // Reading the pins has ended the interrupts.
    expect([chips.mcp23017.interrupting, chips.pca9535.interrupting]).toEqual([false, false]);
    chips.pcf8574.levels = 0x7e;
    await say(['pcf8574/p0', true], ['pcf8574/p1', false], ['pcf8574/p7', true]);
  });
});

describe('a fault is told, with its reason, and ends by itself', () => {
  const bad = (topic: string, reason: RegExp, ms?: number): Promise<Reading> =>
    gateway.next(
      topic,
      ({ quality, value, reason: said = '' }) =>
        quality === 'bad' && value === null && reason.test(said),
      ms,
    );
  const good = (topic: string, ms = 40_000): Promise<Reading> =>
    gateway.next(topic, ({ quality }) => quality === 'good', ms);

  test('a chip is unplugged and plugged again', async () => {
    Object.assign(chips.sht3x, { celsius: 25, humidity: 50 });
    machine.i2c.chips.delete(0x44);
    await bad('sht3x/temperature', /^no answer from 0x44 on i2c-1$/);
    machine.i2c.chips.set(0x44, chips.sht3x);
    await good('sht3x/temperature');
  });

  test('a checksum is wrong', async () => {
    chips.sht3x.noisy = true;
    chips.sht4x.noisy = true;
    await Promise.all([
      bad('sht3x/humidity', /checksum is wrong/),
      bad('sht4x/humidity', /checksum is wrong/),
    ]);
    chips.sht3x.noisy = false;
    chips.sht4x.noisy = false;
    chips.sht4x.rawHumidity = 0x8000;
    await Promise.all([good('sht3x/humidity'), good('sht4x/humidity')]);
  });

  test('another chip is at the address', async () => {
    chips.ina226.manufacturer = 0x0054;
    chips.mcp9808.manufacturer = 0x5449;
    machine.i2c.chips.delete(0x41);
    machine.i2c.chips.delete(0x18);
    await Promise.all([bad('ina226/voltage', /no answer/), bad('mcp9808', /no answer/)]);
    machine.i2c.chips.set(0x41, chips.ina226).set(0x18, chips.mcp9808);
    await Promise.all([
      bad('ina226/voltage', /^not an INA226: its manufacturer ID is 0054/, 40_000),
      bad('mcp9808', /^not an MCP9808: its manufacturer ID is 5449/, 40_000),
    ]);
    chips.ina226.manufacturer = 0x5449;
    chips.mcp9808.manufacturer = 0x0054;
    await Promise.all([good('ina226/voltage'), good('mcp9808')]);
  });

  test('the bus is stuck: every chip on it says so, and what is not on it goes on', async () => {
    Object.assign(chips.sht4x, { celsius: 25, rawHumidity: 0x8000 });
    const topics = ['tmp102', 'left', 'lm75', 'bme280/pressure'];
    // Who waits for less than the kernel does only sees that nothing comes.
    const told = topics.map((topic, index) =>
      bad(topic, index < 2 ? /i2c-1 is stuck/ : /stuck|no answer within/),
    );
    machine.i2c.stuck = true;
    try {
      await Promise.all(told);
      expect(await good('door', 5000)).toMatchObject({ value: false });
    } finally {
      machine.i2c.stuck = false;
    }
    await Promise.all(topics.map((topic) => good(topic)));
  });

  test('a chip that holds the clock delays no other by more than its timeout', async () => {
    machine.i2c.stretching.add(0x46);
    try {
      await bad('sht4x/temperature', /^i2c-1 is stuck: .* 0x46 stretches the clock/);
      const times: number[] = [];
      for (let count = 0; count < 5; count += 1)
        times.push(Date.parse((await good('tmp102', 10_000)).time));
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      // It is read every second, and may take three.
      expect(Math.max(...gaps)).toBeLessThanOrEqual(4000);
    } finally {
      machine.i2c.stretching.delete(0x46);
    }
    await good('sht4x/temperature');
  });

  test('a chip that a kernel driver owns is read through the kernel, until it is given free', async () => {
    await bad('owned', /^0x4c on i2c-1 is owned by a kernel driver$/, 40_000);
    expect(await good('kernel')).toMatchObject({ value: 33.5 });
    await machine.shell(`echo 0x4c > ${BUS}/delete_device`);
    expect(await good('owned')).toMatchObject({ value: 33.5 });
  });
});
