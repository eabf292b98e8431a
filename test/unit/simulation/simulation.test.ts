import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type OutputConfig, outputSchema } from '../../../src/config/schema/outputs.ts';
import { channelsOf, type SensorConfig, sensorSchema } from '../../../src/config/schema/sensors.ts';
import type { Driver, Samples, Sensor } from '../../../src/driver-kit/driver.ts';
import { drivers } from '../../../src/driver-table.ts';
import { Simulation } from '../../../src/simulation/simulation.ts';
import { isKnown } from '../../../src/simulation/values.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createHastyTools, never } from '../../support/open-sensor.ts';
import { loadOutsideDriver } from '../../support/outside-driver.ts';

const schema = sensorSchema(drivers);

function sensorOf(text: object): SensorConfig {
  return { payload: 'json', ...schema.parse(text) } as SensorConfig;
}

function outputOf(text: Parameters<typeof outputSchema.parse>[0]): OutputConfig {
  return { ...outputSchema.parse(text), payload: 'json' };
}

function setUp(sensors: readonly SensorConfig[], outputs: readonly OutputConfig[] = []) {
  const clock = createManualClock();
  const powerFail = { line: 'LVD', lost: false, within: 500 };
  const simulation = new Simulation({ sensors, outputs, powerFail, drivers }, clock);
  const open = (sensor: SensorConfig, driver = drivers.get(sensor.driver) as Driver) =>
    simulation.openSensor(sensor, driver, () => {
      if (driver.name !== 'simulated') throw new Error('the hardware was opened');
      return driver.open(undefined, sensor.options, createHastyTools().tools, never);
    });
  return { simulation, clock, open };
}

/** The example of each driver's page. */
const EXAMPLES = [...drivers.keys()].map((name): [string, SensorConfig] => {
  const page = readFileSync(`docs/drivers/${name}.md`, 'utf8');
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  return [name, sensorOf((parse(text) as { sensors: [object] }).sensors[0])];
});

async function read(sensor: Sensor): Promise<Samples> {
  return sensor.read(never);
}

describe.each(EXAMPLES)('the model of %s', (name, sensor) => {
  const driver = drivers.get(name) as Driver;
  const channels = channelsOf(sensor, driver);

  test('has a value for each channel that the driver has, inside its range, without hardware', async () => {
    const { open, clock } = setUp([sensor]);
    const opened = await open(sensor);
    for (let minute = 0; minute < 20; minute++) {
      const samples = await read(opened);
      for (const { name: channel, range, kind, unit } of channels) {
        const value = samples[channel]?.value;
        if (kind === 'boolean') expect(value).toBeTypeOf('boolean');
        else expect(['number', 'boolean']).toContain(typeof value);
        if (unit !== '') expect(value).toBeTypeOf('number');
        if (range === undefined) continue;
        expect(value).toBeGreaterThanOrEqual(range[0]);
        expect(value).toBeLessThanOrEqual(range[1]);
      }
      await clock.advance(61_000);
    }
  });

  test('is not left to a guess', () => {
    if (name === 'simulated') return;
    const unknown = channels.filter((channel) => !isKnown(name, channel));
    expect(unknown, 'add a row to src/simulation/values.ts').toEqual([]);
  });

  test('fails by a command, and is well again', async () => {
    const { simulation, open } = setUp([sensor]);
    const opened = await open(sensor);
    expect(simulation.command(sensor.name, 'fail')).toBeUndefined();
    expect(simulation.status().failing).toEqual([sensor.name]);
    for (const sample of Object.values(await read(opened))) {
      expect(sample).toEqual({ value: null, reason: 'simulated failure' });
    }
    expect(simulation.command(sensor.name, 'ok')).toBeUndefined();
    for (const sample of Object.values(await read(opened))) expect(sample.value).not.toBeNull();
  });
});

test('a driver outside the tree gets values by its units', async () => {
  const driver = await loadOutsideDriver();
  const { open } = setUp([]);
  const sensor = {
    ...sensorOf({ name: 'x', driver: 'tmp102', bus: 'i2c-1' }),
    driver: driver.name,
    options: {},
  };
  const samples = await read(await open(sensor, driver));
  for (const { name } of driver.channels({})) expect(samples[name]?.value).toBeTypeOf('number');
});

test('a transmitter gives values inside its scale', async () => {
  const options = { signal: '4-20mA', shunt: 120, scale: [0, 4], unit: 'bar' };
  const sensor = sensorOf({ name: 'air', driver: 'ads1115', bus: 'i2c-1', ...options });
  const { open } = setUp([sensor]);
  const value = (await read(await open(sensor)))['']?.value;
  expect(value).toBeGreaterThan(0.5);
  expect(value).toBeLessThan(3);
});

test('units and channels with names of object properties are no models', async () => {
  const options = { signal: '4-20mA', shunt: 120, scale: [0, 4], unit: 'constructor' };
  const sensor = sensorOf({ name: 'air', driver: 'ads1115', bus: 'i2c-1', ...options });
  const { open } = setUp([sensor]);
  expect((await read(await open(sensor)))['']?.value).toBeTypeOf('number');
});

describe('commands', () => {
  const sensors = [
    sensorOf({ name: 'cabinet', driver: 'bme280', bus: 'i2c-1' }),
    sensorOf({ name: 'door/closed', driver: 'digital-input', line: 'DI0' }),
    sensorOf({ name: 'door/locked', driver: 'digital-input', line: 'DI1' }),
    sensorOf({ name: 'parts', driver: 'pulse-counter', line: 'DI2' }),
  ];
  const outputs = [
    outputOf({ name: 'lamp', driver: 'digital-output', line: 'mcp23017@i2c-1/0x20:08' }),
    outputOf({
      ...{ name: 'valve', driver: 'digital-output', line: 'DO1' },
      interlock: { line: 'DI9', is: 'on', activeLow: true },
    }),
  ];

  test('set a value of a channel, which is published at once', async () => {
    const { simulation, open } = setUp(sensors, outputs);
    const cabinet = await open(sensors[0] as SensorConfig);
    const life = new AbortController();
    const news = cabinet.changes?.(life.signal)[Symbol.asyncIterator]();
    const next = news?.next();
    expect(simulation.command('cabinet/temperature', '71.5')).toBeUndefined();
    expect((await next)?.value).toMatchObject({ temperature: { value: 71.5 } });
    expect((await read(cabinet)).temperature).toEqual({ value: 71.5 });
    expect(simulation.status().values).toEqual({ 'cabinet/temperature': 71.5 });
    simulation.command('cabinet', 'ok');
    expect((await read(cabinet)).temperature?.value).not.toBe(71.5);
    life.abort();
    expect((await news?.next())?.done).toBe(true);
  });

  test('of a name above others are for all of them', async () => {
    const { simulation, open } = setUp(sensors, outputs);
    const opened = await open(sensors[2] as SensorConfig);
    simulation.command('door', 'fail');
    expect(simulation.status().failing).toEqual(['door/locked', 'door/closed']);
    expect((await read(opened))['']?.value).toBeNull();
  });

  test('make an output fail, on a line and on an expander', async () => {
    const { simulation } = setUp(sensors, outputs);
    const spec = { driver: 'mcp23017', bus: 'i2c-1', address: 0x20, pin: 8 };
    const lamp = await simulation.pins.open(spec, { initial: false });
    await lamp.write(true);
    expect(await lamp.read()).toBe(true);
    simulation.command('lamp', 'fail');
    await expect(lamp.write(false)).rejects.toThrow('simulated failure');
    await expect(simulation.pins.open(spec, { initial: false })).rejects.toThrow('simulated');
    simulation.command('lamp', 'ok');
    await lamp.write(false);
    expect(await lamp.read()).toBe(false);
  });

  test('the supply is present and interlocks allow, until a command changes that', async () => {
    const { simulation } = setUp(sensors, outputs);
    const level = async (name: string, activeLow = false) => {
      const inputs = await simulation.backend.inputs([{ kind: 'name', name }], { activeLow });
      return (await inputs.read())[0];
    };
    expect([await level('LVD'), await level('DI9', true)]).toEqual([true, true]);
    simulation.command('power', 'fail');
    simulation.command('DI9', 'off');
    expect([await level('LVD'), await level('DI9', true)]).toEqual([false, false]);
    simulation.command('power', 'ok');
    expect(await level('LVD')).toBe(true);
  });

  test('a counter can be set, and counts from there', async () => {
    const { simulation, open, clock } = setUp(sensors, outputs);
    expect(simulation.trouble()).toContain('simulated');
    const parts = await open(sensors[3] as SensorConfig);
    parts.set?.('total', 1000);
    await clock.advance(10_000);
    expect((await read(parts)).total?.value).toBe(1005);
  });

  test.each([
    ['cabnet', 'fail', 'there is no sensor and no output "cabnet" (did you mean cabinet?)'],
    ['cabinet', '5', 'there is no value "cabinet", expected cabinet/temperature, cabinet/humidity'],
    ['cabinet/temp', '5', 'there is no value "cabinet/temp", expected cabinet/temperature'],
    ['cabinet/temperature', 'hot', '"hot": expected fail, ok, a number, on or off'],
    ['lamp', 'on', 'lamp is an output: it has what was written (cellgate set lamp on)'],
  ])('%s %s is refused with a sentence', (name, what, reason) => {
    expect(setUp(sensors, outputs).simulation.command(name, what)).toContain(reason);
  });

  test('stay over a reload for what is in both configs', async () => {
    const { simulation } = setUp(sensors, outputs);
    simulation.command('cabinet', 'fail');
    simulation.command('parts', 'fail');
    await simulation.applyConfig({ sensors: sensors.slice(0, 1), outputs, drivers });
    expect(simulation.status().failing).toEqual(['cabinet']);
    expect(simulation.command('power', 'fail')).toContain('there is no sensor');
  });
});
