import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { playback } from '../../../src/buses/playback.ts';
import type { Recording } from '../../../src/cli/recording.ts';
import { drivers } from '../../../src/driver-table.ts';
import { createHastyTools, never } from '../../support/open-sensor.ts';
import { outsideDriverText } from '../../support/outside-driver.ts';
import { chips, places, SENSORS } from './board.ts';
import { bme280 } from './chips/bme280.ts';
import type { Chip } from './chips/chip.ts';
import { ds2482 } from './chips/ds2482.ts';
import { lm75 } from './chips/lm75.ts';
import { type Gateway, type Reading, startGateway } from './gateway.ts';
import { addHeader, type SimChip } from './gpio.ts';
import { type Machine, put } from './machine.ts';
import { theMachine } from './the-machine.ts';

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
  chips.mux.channels[6]?.set(0x4b, chips.sts3x);
  await machine.shell(`modprobe lm75 && echo lm75 0x4c > ${BUS}/new_device`);
  await machine.shell('mkdir -p /etc/cellgate/drivers');
  await put(machine, '/etc/cellgate/drivers/sts3x.mjs', outsideDriverText());
  gateway = await startGateway(machine, SENSORS);
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

const bad = (topic: string, reason: RegExp): Promise<Reading> =>
  gateway.next(
    topic,
    ({ quality, value, reason: said = '' }) =>
      quality === 'bad' && value === null && reason.test(said),
  );
const good = (topic: string): Promise<Reading> =>
  gateway.next(topic, ({ quality }) => quality === 'good');

describe('what has not been there from the start on, first, as it is tried ever more seldom:', () => {
  test('a chip that a kernel driver owns is read through the kernel, until it is given free', async () => {
    await bad('owned', /^0x4c on i2c-1 is owned by a kernel driver$/);
    expect(await good('kernel')).toMatchObject({ value: 33.5 });
    await machine.shell(`echo 0x4c > ${BUS}/delete_device`);
    expect(await good('owned')).toMatchObject({ value: 33.5 });
  });

  test('what the kernel itself measures', async () => {
    const { shell, i2c } = machine;
    const parameters = '/sys/module/thermal_sim/parameters';
    await shell('modprobe thermal-sim');
    await Promise.all(
      ['thermal', 'processor'].map((topic) => gateway.next(topic, ({ value }) => value === 47.236)),
    );
    await shell(`echo -12345 > ${parameters}/millidegrees`);
    await say(['thermal', -12.345], ['processor', -12.345]);
    await shell(`echo 126000 > ${parameters}/millidegrees`);
    await say(['thermal', 126, 'uncertain']);
    await shell(`echo 1 > ${parameters}/broken`);
    await say(['thermal', null, 'bad'], ['processor', null, 'bad']);
    await shell(`echo 0 > ${parameters}/broken; echo 50000 > ${parameters}/millidegrees`);
    const well = (topic: string) => gateway.next(topic, ({ value }) => value === 50);
    await Promise.all([well('thermal'), well('processor')]);
    for (const topic of ['cpu', 'memory', 'disk'].map((name) => `host/${name}`)) {
      const { value } = await gateway.next(topic, ({ quality }) => quality === 'good');
      expect(value).toBeGreaterThan(0);
      expect(value).toBeLessThanOrEqual(100);
    }
    i2c.chips.set(0x77, bme280());
    await shell(`modprobe bmp280-i2c && echo bme280 0x77 > ${BUS}/new_device`);
    await gateway.next('iio', ({ value }) => close(value, 1006.5));
    await shell(`echo 0x77 > ${BUS}/delete_device`);
    await say(['iio', null, 'bad']);
    i2c.chips.delete(0x77);
  });

  test('1-Wire, through the bridge and the driver of the kernel', async () => {
    const { shell, i2c } = machine;
    expect(gateway.reading('ds18b20')).toMatchObject({ value: null, quality: 'bad' });
    i2c.chips.set(0x1a, ds2482(chips.wire));
    chips.wire.celsius = -10.125;
    await shell(`modprobe ds2482 && modprobe w1_therm && echo ds2482 0x1a > ${BUS}/new_device`);
    const says = (value: number | null, quality = 'good') =>
      gateway.next('ds18b20', (one) => one.value === value && one.quality === quality);
    await says(-10.125);
    chips.wire.celsius = 125;
    await says(125);
    chips.wire.celsius = 85;
    await says(85, 'uncertain');
    chips.wire.noisy = true;
    await says(null, 'bad');
    chips.wire.noisy = false;
    chips.wire.celsius = -55;
    await says(-55);
    await shell(`echo 0x1a > ${BUS}/delete_device`);
    await says(null, 'bad');
    i2c.chips.delete(0x1a);
  });
});

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

  test('standard signals, and what is no signal any more', async () => {
    // 3.6 mA and 21 mA are failures, from 3.8 to 20.5 mA it measures; volts at a shunt of 120 ohms.
    chips.ads1115.inputs.splice(0, 4, 2.5, 0.444, 1.65, 1.03125);
    await say(['level', 100], ['loop', -0.3, 'uncertain'], ['ntc', 25], ['pt1000', 0]);
    chips.ads1115.inputs.splice(0, 4, 0, 2.46, 0.5, 1.27493);
    await say(['level', 0], ['loop', 16.5], ['ntc', 69.6], ['pt1000', 100]);
    chips.ads1115.inputs.splice(0, 4, 2.6, 2.472, 3.3, 3.3);
    await say(['level', 104, 'uncertain'], ['loop', 16.6, 'uncertain']);
    await say(['ntc', null, 'bad'], ['pt1000', null, 'bad']);
    chips.ads1115.inputs.splice(0, 4, -0.1, 2.52, 0, 0);
    await say(['level', -4, 'uncertain'], ['loop', null, 'bad']);
    await say(['ntc', null, 'bad'], ['pt1000', null, 'bad']);
  });

  test('a driver from outside the tree', async () => {
    for (const celsius of [-40, 21.5, 124]) {
      chips.sts3x.celsius = celsius;
      await say(['sts3x', celsius + 0.5]);
    }
    chips.sts3x.celsius = 129.5;
    await say(['sts3x', 130, 'uncertain']);
    chips.sts3x.noisy = true;
    await say(['sts3x', null, 'bad']);
    chips.sts3x.noisy = false;
    await say(['sts3x', 130, 'uncertain']);
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
      gateway.next(`${topic}/frequency`, near(6, 0.5)),
      gateway.next(`${topic}/rms`, near(Math.SQRT1_2, 0.05)),
      gateway.next(`${topic}/peak`, near(1, 0.1)),
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
  /** They are read every second and may take ten; `door` is on no bus. */
  const BYSTANDERS = ['tmp102', 'lm75', 'ina219/voltage', 'left'];

  /** Resolves when it is over: whoever has no part in the fault was good all the time, and no later than its timeout. */
  async function undisturbed(fault: () => Promise<void>): Promise<void> {
    const topics = ['door', ...BYSTANDERS];
    // What an earlier fault has left is over.
    await Promise.all(topics.map((topic) => good(topic)));
    const from = topics.map((topic) => [topic, gateway.reading(topic)?.seq ?? 0] as const);
    await fault();
    const longest = from.map(([topic, seq]) => {
      const readings = gateway.messages
        .filter((message) => message.topic === topic)
        .map(({ payload }) => JSON.parse(payload) as Reading)
        .filter((reading) => reading.seq >= seq);
      const other = readings.filter(({ quality }) => quality !== 'good');
      expect(other.map(({ reason, time: at }) => `${topic} at ${at}: ${reason}`)).toEqual([]);
      const times = readings.map(({ time }) => Date.parse(time));
      const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
      expect(gaps.length).toBeGreaterThan(1);
      return Math.max(...gaps);
    });
    // What also stood still on no bus was this host's, which is busy.
    const [elsewhere = 0, ...onTheBus] = longest;
    console.log(`longest pauses: ${elsewhere} ms on no bus, ${onTheBus.join(', ')} ms on the bus`);
    expect(Math.max(...onTheBus)).toBeLessThanOrEqual(Math.max(elsewhere, 1000) + 10_000);
  }

  beforeAll(async () => {
    Object.assign(chips.tmp102, { celsius: 20 });
    Object.assign(chips.lm75, { celsius: 20 });
    Object.assign(chips.sht3x, { celsius: 25, humidity: 50 });
    Object.assign(chips.sht4x, { celsius: 25, rawHumidity: 0x8000 });
    Object.assign(chips.ina219, { busVolts: 24, shuntVolts: 0.05 });
    Object.assign(chips.ina226, { busVolts: 24, shuntVolts: 0 });
    chips.mcp9808.celsius = 20;
    await Promise.all(BYSTANDERS.map((topic) => good(topic)));
  });

  test('a chip is unplugged and plugged again, another refuses what is written', () =>
    undisturbed(async () => {
      const { chips: plugged } = machine.i2c;
      plugged.delete(0x44);
      plugged.set(0x23, { ...chips.bh1750, write: () => false });
      await Promise.all([
        bad('sht3x/temperature', /^no answer from 0x44 on i2c-1$/),
        bad('bh1750', /^no answer from 0x23 on i2c-1$/),
      ]);
      plugged.set(0x44, chips.sht3x).set(0x23, chips.bh1750);
      chips.bh1750.lux = 100;
      await Promise.all([good('sht3x/temperature'), good('bh1750')]);
    }));

  test('a checksum is wrong', () =>
    undisturbed(async () => {
      chips.sht3x.noisy = true;
      chips.sht4x.noisy = true;
      await Promise.all([
        bad('sht3x/humidity', /checksum is wrong/),
        bad('sht4x/humidity', /checksum is wrong/),
      ]);
      chips.sht3x.noisy = false;
      chips.sht4x.noisy = false;
      await Promise.all([good('sht3x/humidity'), good('sht4x/humidity')]);
    }));

  test('another chip is at the address', () =>
    undisturbed(async () => {
      const places: readonly (readonly [number, Chip, string, RegExp])[] = [
        [0x41, chips.ina226, 'ina226/voltage', /^not an INA226: its manufacturer ID is /],
        [0x18, chips.mcp9808, 'mcp9808', /^not an MCP9808: its manufacturer ID is /],
        [0x76, chips.bme280, 'bme280/pressure', /^not a BME280: its chip ID is 0x/],
        [0x19, chips.lis3dh, 'lis3dh/rms', /^not a LIS3DH: WHO_AM_I is 0x/],
        [0x53, chips.adxl345, 'adxl345/rms', /^not an ADXL345: DEVID is 0x/],
      ];
      const { chips: plugged } = machine.i2c;
      for (const [address] of places) plugged.delete(address);
      await Promise.all(places.map(([, , topic]) => bad(topic, /no answer/)));
      for (const [address] of places) plugged.set(address, lm75());
      await Promise.all(places.map(([, , topic, reason]) => bad(topic, reason)));
      for (const [address, chip] of places) plugged.set(address, chip);
      await Promise.all(places.map(([, , topic]) => good(topic)));
    }));

  test('the bus is stuck: every chip on it says so, and what is not on it goes on', async () => {
    const topics = ['tmp102', 'left', 'lm75', 'bme280/pressure'];
    // Who waits for less than the kernel does only sees that nothing comes.
    const told = topics.map((topic, index) =>
      bad(topic, index < 2 ? /i2c-1 is stuck/ : /stuck|no answer within/),
    );
    machine.i2c.stuck = true;
    try {
      await Promise.all(told);
      expect(await good('door')).toMatchObject({ value: false });
    } finally {
      machine.i2c.stuck = false;
    }
    await Promise.all(topics.map((topic) => good(topic)));
  });

  test('a chip that holds the clock delays no other by more than its timeout', async () => {
    await undisturbed(async () => {
      machine.i2c.stretching.add(0x46);
      try {
        await bad('sht4x/temperature', /^i2c-1 is stuck: .* 0x46 stretches the clock/);
        for (let count = 0; count < 5; count += 1) await good('tmp102');
      } finally {
        machine.i2c.stretching.delete(0x46);
      }
    });
    await good('sht4x/temperature');
  });
});

test('one read is recorded as it went over the bus, and plays back', async () => {
  await gateway.end();
  const read = (name: string, file: string) =>
    machine.shell(
      `node dist/program/cli.js read ${name} --config ${gateway.config} --record ${file}`,
    );
  const shown = await read('sht3x', '/tmp/sht3x.json');
  expect(shown).toContain('\n> 24 00\n');
  expect(shown).toContain('transfers written to /tmp/sht3x.json');
  const recording = JSON.parse(await machine.shell('cat /tmp/sht3x.json')) as Recording;
  const chip = playback(recording.transfers);
  const { tools } = createHastyTools();
  const driver = drivers.get(recording.driver);
  const sensor = await driver?.open(chip, recording.options, tools, never);
  expect(await sensor?.read(never)).toEqual(recording.samples);
  chip.done();
});
