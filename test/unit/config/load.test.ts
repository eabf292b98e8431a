import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/config/schema/schema.ts';
import { formatProblem } from '../../../src/config/yaml/problem.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../../..');
const TLS = path.join(REPOSITORY, 'test/golden/config/tls');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function problemsOf(content: string | Buffer): Promise<string[]> {
  writeFileSync(path.join(folder, 'config.yaml'), content);
  const { problems } = await loadConfig('config.yaml', fakeDrivers, folder);
  return problems.map((problem) => formatProblem(problem));
}

async function configOf(content: string): Promise<Config> {
  writeFileSync(path.join(folder, 'config.yaml'), content);
  const { config, problems } = await loadConfig('config.yaml', fakeDrivers, folder);
  expect(problems).toEqual([]);
  return config!;
}

describe('a file that can not be read', () => {
  it('is missing', async () => {
    const { problems } = await loadConfig('none.yaml', fakeDrivers, folder);
    expect(problems.map((problem) => formatProblem(problem))).toEqual([
      'none.yaml:1:1: config: no such file, expected a config: "cellgate setup" writes one',
    ]);
  });

  it('is a folder, or no file at all', async () => {
    mkdirSync(path.join(folder, 'config.d'));
    const [found] = (await loadConfig('config.d', fakeDrivers, folder)).problems;
    expect(found?.message).toBe('this is a folder, expected a YAML file');
    const [device] = (await loadConfig('/dev/zero', fakeDrivers, folder)).problems;
    expect(device?.message).toBe('this is not a regular file, expected a YAML file');
  });

  it.skipIf(process.getuid?.() === 0)('is closed to this user', async () => {
    writeFileSync(path.join(folder, 'config.yaml'), 'cell: a\n');
    chmodSync(path.join(folder, 'config.yaml'), 0o000);
    const [found] = (await loadConfig('config.yaml', fakeDrivers, folder)).problems;
    expect(found?.message).toBe(
      'not allowed to read the file, expected a file that this user can read: try sudo',
    );
  });

  it('is too large', async () => {
    const [line] = await problemsOf(Buffer.alloc(4 * 1024 * 1024 + 1, '#'));
    expect(line).toBe('config.yaml:1:1: config: the file is larger than 4 MiB, expected a config');
    expect(await problemsOf(`cell: a\n${'#'.repeat(4 * 1024 * 1024 - 8)}`)).toEqual([]);
  });

  it('is UTF-16', async () => {
    const [line] = await problemsOf(Buffer.from('\ufeffcell: a\n', 'utf16le'));
    expect(line).toContain('the file is UTF-16');
  });
});

describe('a file that is odd but right', () => {
  it('has a byte order mark, Windows line ends, anchors, merges and a document start', async () => {
    const config = await configOf(
      '\ufeff---\r\ncell: kühlung\r\nsensors:\r\n' +
        '  - &slow { name: a, driver: host, every: &pace 5s }\r\n' +
        '  - { <<: *slow, name: b }\r\n  - { name: c, driver: host, every: *pace }\r\n',
    );
    expect(config.cell).toBe('kühlung');
    expect(config.sensors.map(({ name, every }) => [name, every])).toEqual([
      ['a', 5000],
      ['b', 5000],
      ['c', 5000],
    ]);
  });

  it('shares one anchor among very many sensors', async () => {
    const lines = Array.from(
      { length: 999 },
      (_, index) => `  - { <<: *first, name: s${index} }\n`,
    );
    const first = '  - &first { name: first, driver: host }\n';
    const config = await configOf(`cell: a\nsensors:\n${first}${lines.join('')}`);
    expect(config.sensors).toHaveLength(1000);
  });
});

describe('positions', () => {
  it('count lines and columns from 1, in order of the file', async () => {
    expect(await problemsOf('log: { level: loud }\r\ncell: 1\r\nsensor: []\r\n')).toEqual([
      expect.stringMatching(/^config\.yaml:1:15: log\.level: /),
      expect.stringMatching(/^config\.yaml:2:7: cell: /),
      expect.stringMatching(/^config\.yaml:3:1: sensor: /),
    ]);
  });

  it('name the file as it was given', async () => {
    writeFileSync(path.join(folder, 'x.yaml'), 'cell: 1\n');
    const file = path.join(folder, 'x.yaml');
    const [problem] = (await loadConfig(file, fakeDrivers, '/')).problems;
    expect(problem?.file).toBe(file);
  });

  it('are cut off after the first hundred', async () => {
    const keys = Array.from({ length: 300 }, (_, index) => `zz${index}: 1\n`);
    expect(await problemsOf(keys.join(''))).toHaveLength(100);
  });
});

describe('defaults', () => {
  it('make a config of one line', async () => {
    expect(await configOf('cell: robotcell1\n')).toEqual({
      cell: 'robotcell1',
      data: '/var/lib/cellgate',
      payload: 'json',
      broker: {
        listeners: [
          {
            host: '127.0.0.1',
            port: 1883,
            protocol: 'tcp',
            anonymous: true,
            trustClientIds: false,
            versions: [3, 4, 5],
          },
        ],
        limits: {
          connections: 1000,
          connecting: 1000,
          packet: 1_048_576,
          inflight: 20,
          receiveMaximum: 1000,
          overReceiveMaximum: 'disconnect',
          topicAliases: 100,
          queue: {
            messages: 100_000,
            bytes: 268_435_456,
            age: 604_800_000,
            full: 'drop-oldest',
          },
          sessionExpiry: 604_800_000,
          tcpKeepalive: 600_000,
          connectTimeout: 10_000,
          packetTimeout: 300_000,
          retainedMessages: 100_000,
          retainedMessagesPerClient: 50_000,
          retainedBytes: 268_435_456,
          retainedBytesPerClient: 134_217_728,
          subscriptions: 100_000,
          subscriptionsPerClient: 10_000,
          subscriptionBytes: 16_777_216,
          subscriptionBytesPerClient: 4_194_304,
          unreleased: 200_000,
          absentQueueBytes: 2_147_483_648,
          queueMemory: 67_108_864,
          queueMemoryPerClient: 16_777_216,
          unfinishedMemory: 67_108_864,
          unreadMemory: 134_217_728,
          unreadMemoryPerClient: 8_388_608,
          controlCharacters: 'refuse',
          absentSessions: 'end-largest',
        },
      },
      sensors: [],
      drivers: new Map(fakeDrivers),
      outputs: [],
      gpio: { backend: 'auto' },
      simulate: false,
      uplinks: [],
      store: { readingsWithin: 1000, history: { bytes: 1_073_741_824 } },
      log: { level: 'info' },
    });
  });

  it('fill in a sensor, with the options of its driver apart', async () => {
    const { sensors } = await configOf(
      'cell: a\npayload: value\nsensors:\n' +
        '  - { name: t, driver: tmp102, bus: /dev/i2c-1 }\n' +
        '  - { name: d, driver: digital-input, line: DI0, activeLow: true, payload: json }\n',
    );
    const common = { every: 1000, timeout: 1000, history: 'hour', filters: [] };
    expect(sensors).toEqual([
      {
        ...common,
        name: 't',
        driver: 'tmp102',
        bus: 'i2c-1',
        address: 0x48,
        payload: 'value',
        options: {},
      },
      {
        ...common,
        name: 'd',
        driver: 'digital-input',
        line: 'DI0',
        payload: 'json',
        options: { activeLow: true, debounce: 0 },
      },
    ]);
  });

  it.each([
    ['10ms', 100],
    ['250ms', 250],
    ['1s', 1000],
    ['1m', 5000],
  ])('give a read every %s a timeout of %d ms', async (every, timeout) => {
    const { sensors } = await configOf(
      `cell: a\nsensors:\n  - { name: a, driver: host, every: ${every} }\n`,
    );
    expect(sensors[0]?.timeout).toBe(timeout);
  });

  it('leave a listener on the network shut', async () => {
    const { broker } = await configOf(
      'cell: a\nbroker:\n  listeners:\n    - { host: "::1", port: 0 }\n' +
        '    - { host: localhost, port: 0, protocol: ws }\n' +
        '    - { host: 0.0.0.0, port: 1884, anonymous: true }\n',
    );
    expect(broker.listeners.map(({ anonymous }) => anonymous)).toEqual([true, true, true]);
  });
});

it('gives every filter in the order of the file, in milliseconds', async () => {
  const { sensors } = await configOf(
    'cell: a\nsensors:\n  - name: a\n    driver: host\n    filters: [median: 5, deadband: 0.1, heartbeat: 60s,' +
      ' throttle: 0.5s, round: 1, calibrate: [[0.5, 0], [4.5, 10]], clamp: [-40, 125]]\n',
  );
  expect(sensors[0]?.filters).toEqual([
    { median: 5 },
    { deadband: 0.1 },
    { heartbeat: 60_000 },
    { throttle: 500 },
    { round: 1 },
    {
      calibrate: [
        [0.5, 0],
        [4.5, 10],
      ],
    },
    { clamp: [-40, 125] },
  ]);
});

it('takes files from the folder of the config and data from the current folder', async () => {
  mkdirSync(path.join(folder, 'etc'));
  const file = path.join(folder, 'etc/config.yaml');
  chmodSync(path.join(TLS, 'gateway.key'), 0o600);
  const near = path.relative(path.join(folder, 'etc'), TLS);
  writeFileSync(
    file,
    `cell: a\ndata: ./data\nbroker:\n  listeners:\n    - host: 0.0.0.0\n      port: 8883\n      tls: { cert: ${near}/gateway.crt, key: ${near}/gateway.key, ca: ${TLS}/gateway.crt, clientCert: required }\n`,
  );
  const { config, problems } = await loadConfig(file, fakeDrivers, '/srv');
  expect(problems).toEqual([]);
  expect(config?.data).toBe('/srv/data');
  expect(config?.broker.listeners[0]).toEqual({
    host: '0.0.0.0',
    port: 8883,
    protocol: 'tcp',
    anonymous: false,
    trustClientIds: false,
    versions: [3, 4, 5],
    tls: {
      cert: `${TLS}/gateway.crt`,
      key: `${TLS}/gateway.key`,
      ca: `${TLS}/gateway.crt`,
      clientCert: 'required',
    },
  });
});

it('does not print what stands at a key that names a secret', async () => {
  const lines = await problemsOf(
    'cell: a\nbroker: { listeners: [{ host: 127.0.0.1, port: 1, tls: { cert: a, key: [hunter2] } }] }\n',
  );
  expect(lines.join()).toContain('tls.key: found a value, expected the path of a file');
  expect(lines.join()).not.toContain('hunter2');
});

it('refuses a driver whose option has the name of a key of every sensor', async () => {
  const host = fakeDrivers.get('host')!;
  const options = fakeDrivers.get('digital-input')!.options.extend({ every: host.options });
  const wrong = new Map([['host', { ...host, options }]]);
  writeFileSync(path.join(folder, 'config.yaml'), 'cell: a\n');
  await expect(loadConfig('config.yaml', wrong, folder)).rejects.toThrow(
    'driver host: every sensor has a key "every" already',
  );
});

it('warns of a data folder that every user can look into, at its line', async () => {
  const data = path.join(folder, 'data');
  mkdirSync(data);
  const warningsAt = async (mode: number): Promise<string[]> => {
    chmodSync(data, mode);
    writeFileSync(path.join(folder, 'config.yaml'), `cell: a\ndata: ${data}\n`);
    const { config, warnings } = await loadConfig('config.yaml', fakeDrivers, folder);
    expect(config?.data).toBe(data);
    return warnings.map((warning) => formatProblem(warning));
  };
  expect(await warningsAt(0o750)).toEqual([]);
  for (const mode of [0o755, 0o751, 0o754]) {
    expect(await warningsAt(mode)).toEqual([
      `config.yaml:2:7: data: every user can look into ${data} (mode ${mode.toString(8)}), and it has the messages of the cell: chmod 750 ${data}`,
    ]);
  }
});

describe('the most of a list', () => {
  const sensors = (count: number) =>
    Array.from(
      { length: count },
      (_, n) => `- { name: s${n}, driver: simulated, signal: door }`,
    ).join('\n');
  const routes = (count: number) =>
    Array.from({ length: count }, (_, n) => `- { out: 'line/${n}/#', to: plant/ }`).join('\n');
  const withSensors = (count: number) => `cell: a\nsensors:\n${sensors(count)}\n`;
  const withRoutes = (count: number) =>
    `cell: a\nuplinks:\n- name: p\n  url: mqtt://127.0.0.1\n  routes:\n${routes(count).replaceAll(/^/gm, '  ')}\n`;
  const load = async (content: string): Promise<string[]> => {
    writeFileSync(path.join(folder, 'config.yaml'), content);
    const { problems } = await loadConfig('config.yaml', drivers, folder);
    return problems.map(({ message }) => message);
  };

  it('is 5,000 sensors', async () => {
    expect(await load(withSensors(5000))).toEqual([]);
    expect(await load(withSensors(5001))).toEqual(['found a list, expected at most 5000 sensors']);
  });

  it('is 1,000 routes of an uplink', async () => {
    expect(await load(withRoutes(1000))).toEqual([]);
    expect(await load(withRoutes(1001))).toEqual(['found a list, expected at most 1000 routes']);
  });
});

describe('the files that come with the gateway', () => {
  it.each(['sim', 'cellgate'])(
    'config/%s.yaml is right, for the fake drivers and the real ones',
    async (name) => {
      for (const table of [fakeDrivers, drivers]) {
        const { problems, warnings } = await loadConfig(`config/${name}.yaml`, table, REPOSITORY);
        expect([...problems, ...warnings].map((problem) => formatProblem(problem))).toEqual([]);
      }
    },
  );
});
