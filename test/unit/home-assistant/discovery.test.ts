import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema/schema.ts';
import { drivers } from '../../../src/driver-table.ts';
import { idOf } from '../../../src/home-assistant/components.ts';
import { quantityOf } from '../../../src/home-assistant/device-class.ts';
import { discoveryOf } from '../../../src/home-assistant/discovery.ts';
import { discoveryProblems } from '../../support/home-assistant.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function configOf(yaml: string): Promise<Config> {
  const folder = tempFolder();
  writeFileSync(join(folder, 'config.yaml'), yaml);
  const { config, problems } = await loadConfig('config.yaml', drivers, folder);
  expect(problems).toEqual([]);
  return config!;
}

function messageOf(config: Config) {
  const discovery = discoveryOf(config, '1.2.3')!;
  const text = discovery.payload().toString();
  expect(discoveryProblems(discovery.topic, text)).toEqual([]);
  const { cmps, ...others } = JSON.parse(text);
  const all = Object.values<Record<string, unknown>>(cmps);
  const shown = all.filter(({ p }) => p !== 'number');
  const of = (topic: string) => shown.find((one) => one.state_topic === topic)!;
  const settings = all.filter(({ p }) => p === 'number').map((one) => one.command_topic);
  const settingOf = (topic: string) => all.find((one) => one.command_topic === `${topic}/set`)!;
  return { discovery, others, cmps, of, settings, settingOf };
}

const CELL = `
cell: robotcell1
homeAssistant: {}
sensors:
  - { name: robot, driver: simulated, signal: joint-temperature }
  - { name: grip, driver: simulated, signal: gripper, payload: value }
  - { name: safety/open, driver: digital-input, line: DI0, expires: 90s, every: 1s }
  - { name: safety/plain, driver: digital-input, line: DI1, payload: value }
  - { name: energy, driver: pulse-counter, line: DI2, unit: kWh, perUnit: 1000 }
  - name: host
    driver: host
    filters: { uptime: [multiply: 0.0166, unit: min] }
  - name: volume
    driver: simulated
    signal: gripper
    payload: value
    filters: { position: [integrate: 1s] }
  - name: state
    driver: digital-input
    line: DI3
    filters: [map: { 'true': running, 'false': idle }]
  - name: air
    driver: bme280
    bus: i2c-1
    address: 0x76
    alarms: [{ name: damp, channel: humidity, above: 80, severity: high }]
outputs:
  - { name: stacklight/red, driver: digital-output, line: DO0 }
  - { name: horn, driver: digital-output, line: DO1, payload: value }
  - { name: beacon, driver: digital-output, line: DO2, follows: alarm/damp }
powerFail: { line: DI7 }
`;

describe('the description of a cell', () => {
  test('is one message with the device, its origin and when it is available', async () => {
    const { discovery, others } = messageOf(await configOf(CELL));
    expect(discovery.topic).toBe('homeassistant/device/cellgate_robotcell1/config');
    expect(others).toEqual({
      dev: {
        identifiers: ['cellgate_robotcell1'],
        name: 'robotcell1',
        manufacturer: 'cellgate',
        model: 'edge gateway',
        sw_version: '1.2.3',
      },
      o: { name: 'cellgate', sw_version: '1.2.3' },
      availability: [
        {
          topic: 'robotcell1/status',
          payload_available: 'online',
          payload_not_available: 'offline',
        },
      ],
    });
  });

  test('has numbers with unit and classes', async () => {
    const { of } = messageOf(await configOf(CELL));
    expect(of('robotcell1/robot/j1')).toEqual({
      p: 'sensor',
      unique_id: 'cellgate_robotcell1_2f_robot_2f_j1',
      name: 'robot j1',
      state_topic: 'robotcell1/robot/j1',
      value_template: '{{ value_json.value }}',
      availability: [
        { topic: 'robotcell1/status' },
        {
          topic: 'robotcell1/robot/j1',
          value_template:
            "{{ 'online' if value_json is defined and value_json.quality != 'bad' else 'offline' }}",
        },
      ],
      availability_mode: 'all',
      json_attributes_topic: 'robotcell1/robot/j1',
      json_attributes_template: expect.stringContaining('value_json.reason'),
      unit_of_measurement: '°C',
      device_class: 'temperature',
      state_class: 'measurement',
    });
    expect(of('robotcell1/air/humidity')).toMatchObject({ device_class: 'humidity' });
    expect(of('robotcell1/air/pressure')).toMatchObject({ device_class: 'pressure' });
    expect(of('robotcell1/host/cpu')).not.toHaveProperty('device_class');
    const uptime = { unit_of_measurement: 'min', device_class: 'duration' };
    expect(of('robotcell1/host/uptime')).toMatchObject(uptime);
    const total = { device_class: 'energy', state_class: 'total_increasing' };
    expect(of('robotcell1/energy/total')).toMatchObject(total);
  });

  test('has a number for each counter, position and sum, which sets it', async () => {
    const { settings, settingOf } = messageOf(await configOf(CELL));
    expect(settings).toEqual(['robotcell1/energy/total/set', 'robotcell1/volume/position/set']);
    expect(settingOf('robotcell1/energy/total')).toMatchObject({
      ...{ p: 'number', unique_id: 'cellgate_robotcell1_2f_energy_2f_total_2f_set' },
      ...{ name: 'energy total set', state_topic: 'robotcell1/energy/total' },
      ...{ entity_category: 'config', mode: 'box', unit_of_measurement: 'kWh', step: 0.001 },
    });
    expect(settingOf('robotcell1/volume/position').value_template).toBe(
      "{{ none if value == 'null' else value }}",
    );
  });

  test('takes values of both forms', async () => {
    const { of } = messageOf(await configOf(CELL));
    const grip = of('robotcell1/grip/position');
    expect(grip.value_template).toBe("{{ none if value == 'null' else value }}");
    expect(grip).not.toHaveProperty('json_attributes_topic');
    expect(grip.availability).toContainEqual({
      topic: 'robotcell1/grip/position',
      value_template: "{{ 'offline' if value == 'null' else 'online' }}",
    });
  });

  test('has booleans, texts, outputs, alarms and the supply', async () => {
    const { of } = messageOf(await configOf(CELL));
    const onOff = { payload_on: 'on', payload_off: 'off' };
    const open = of('robotcell1/safety/open');
    expect(open).toMatchObject({ p: 'binary_sensor', expire_after: 90, ...onOff });
    expect(open.value_template).toContain('value_json.value');
    const plain = of('robotcell1/safety/plain');
    expect(plain).toMatchObject({ p: 'binary_sensor', ...onOff });
    expect(plain.value_template).toContain("value == 'true'");
    const text = of('robotcell1/state');
    expect(text.p).toBe('sensor');
    expect(text).not.toHaveProperty('state_class');
    const set = 'robotcell1/stacklight/red/set';
    const red = { p: 'switch', command_topic: set, name: 'stacklight red', ...onOff };
    expect(of('robotcell1/stacklight/red')).toMatchObject(red);
    expect(of('robotcell1/horn').value_template).toContain("value == 'true'");
    expect(of('robotcell1/beacon').p).toBe('binary_sensor');
    expect(of('robotcell1/beacon')).not.toHaveProperty('command_topic');
    expect(of('robotcell1/alarm/air/damp')).toMatchObject({
      ...{ p: 'binary_sensor', device_class: 'problem', ...onOff },
      value_template: "{{ 'on' if value_json.state == 'active' else 'off' }}",
    });
    expect(of('robotcell1/power/supplied')).toMatchObject({ device_class: 'power' });
  });

  test('has nothing without the key, and another topic with another prefix', async () => {
    const config = await configOf('cell: küche 1\nhomeAssistant: { prefix: ha/here }\n');
    expect(messageOf(config).discovery.topic).toBe('ha/here/device/cellgate_k_fc_che_20_1/config');
    expect(discoveryOf({ ...config, homeAssistant: undefined }, '1')).toBeUndefined();
  });

  test('knows of each channel of each driver whether it is a number, true or false, or text', () => {
    for (const driver of drivers.values()) {
      for (const signal of [undefined, 'door', 'cycles']) {
        const options = driver.options.safeParse(signal === undefined ? {} : { signal });
        if (!options.success) continue;
        for (const { name, unit, kind, range, settable } of driver.channels(options.data)) {
          const isKnown =
            kind !== undefined || unit !== '' || range !== undefined || settable === true;
          expect(`${driver.name} ${name}: ${isKnown}`).toBe(`${driver.name} ${name}: true`);
        }
      }
    }
  });

  test('fits for each driver with its shortest options, and for 5,000 sensors', async () => {
    const base = await configOf('cell: a\nhomeAssistant: {}\n');
    const others = { every: 1000, timeout: 500, payload: 'json', filters: [] } as const;
    const door = { driver: 'simulated', options: { signal: 'door' }, ...others };
    const many = Array.from({ length: 5000 }, (_, i) => ({ ...door, name: `s${i}` }));
    const large = messageOf({ ...base, sensors: many as never });
    expect(Object.keys(large.cmps)).toHaveLength(5000);
    let channels = 0;
    for (const driver of drivers.values()) {
      const options = driver.options.safeParse({});
      if (!options.success) continue;
      const sensor = { name: driver.name, driver: driver.name, options: options.data };
      const { cmps } = messageOf({ ...base, sensors: [{ ...sensor, ...others }] as never });
      channels += Object.keys(cmps).length;
    }
    expect(channels).toBeGreaterThan(50);
  });
});

test('every class of a unit is one that Home Assistant accepts', () => {
  const units = `°C °F Pa hPa kPa mbar bar psi A mA V mV kV W kW MW VA var J kJ MJ Wh kWh MWh Hz kHz MHz
    GHz lx W/m² mm cm m km m/s km/h mm/s s ms min h d kg g L m³ L/min m³/h dBm % ppm G N rad 1/min Ω`;
  for (const unit of units.split(/\s+/)) {
    for (const counts of [undefined, 'sum', 'count'] as const) {
      for (const name of ['x', 'humidity', 'battery', 'co2']) {
        const given = quantityOf({ unit, name, counts });
        const device = { dev: { identifiers: ['a'] }, o: { name: 'a' } };
        const entity = { p: 'sensor', unique_id: 'a', state_topic: 'a', unit_of_measurement: unit };
        const payload = JSON.stringify({ ...device, cmps: { a: { ...entity, ...given } } });
        expect(discoveryProblems('h/device/a/config', payload)).toEqual([]);
      }
    }
  }
  expect(quantityOf({ unit: 'Wh', name: 'x', counts: 'sum' })).toEqual({
    device_class: 'energy',
    state_class: 'total',
  });
});

test('ids are words that differ where the texts differ', () => {
  const texts = ['a/b', 'a_b', 'a b', 'a_2f_b', 'a-b', 'ab', 'é', '😀', 'A/b', 'a/2f/b'];
  const ids = texts.map(idOf);
  expect(new Set(ids).size).toBe(texts.length);
  for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
});
