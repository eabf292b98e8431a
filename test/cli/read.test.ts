import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { playback, type Transfer } from '../../src/buses/playback.ts';
import { playbackLine, playbackLines } from '../../src/buses/playback-gpio.ts';
import { type ReadOptions, readSensor } from '../../src/cli/read.ts';
import { drivers } from '../../src/drivers.ts';
import { fakeBuses } from '../support/fake-buses.ts';
import { createHastyTools } from '../support/open-sensor.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellgate-read-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sensor = { every: 1000, timeout: 500, payload: 'json', filters: [], options: {} } as const;

async function run(name: string, transfers: readonly Transfer[], more: Partial<ReadOptions> = {}) {
  let stdout = '';
  let stderr = '';
  const { tools } = createHastyTools();
  const clock = {
    ...tools.clock,
    sleep: (ms: number, signal?: AbortSignal) =>
      ms < 100 ? Promise.resolve() : tools.clock.sleep(ms, signal),
  };
  const exitCode = await readSensor(
    {
      sensor: name,
      file: 'cell.yaml',
      sensors: [
        { ...sensor, name: 'temperature', driver: 'tmp102', bus: 'i2c-1', address: 0x48 },
        {
          ...sensor,
          name: 'door/closed',
          driver: 'digital-input',
          line: 'DI0',
          options: { activeLow: true, debounce: 10 },
        },
        { ...sensor, name: 'pressure', driver: 'unheard-of' },
      ],
      drivers,
      buses: fakeBuses({
        chips: new Map([['i2c-1 0x48', playback(transfers)]]),
        gpio: {
          line: () => playbackLine(true),
          lines: () => playbackLines([true, false]),
          chips: async () => [],
        },
      }),
      clock,
      ...more,
    },
    {
      stdout: {
        write: (text: string) => {
          stdout += text;
        },
      },
      stderr: {
        write: (text: string) => {
          stderr += text;
        },
      },
    },
  );
  return { exitCode, stdout, stderr };
}

const TRANSFERS: readonly Transfer[] = [
  { write: '01', read: '61a0' },
  { write: '0160a0', read: '' },
  { write: '00', read: '1900' },
];

test('shows each transfer and the value', async () => {
  const { exitCode, stdout, stderr } = await run('temperature', TRANSFERS);
  expect(stdout).toBe(
    [
      'temperature: tmp102 at 0x48 on i2c-1',
      '> 01',
      '< 61 a0',
      '> 01 60 a0',
      '> 00',
      '< 19 00',
      'temperature  25  °C  good',
      '',
    ].join('\n'),
  );
  expect([exitCode, stderr]).toEqual([0, '']);
});

test('a doubtful value is told with its reason and is no failure', async () => {
  const { exitCode, stdout } = await run('temperature', [
    { write: '01', read: '60b0' },
    { write: '00', read: '4b01' },
  ]);
  expect(stdout).toContain(
    "temperature  150  °C  uncertain  (outside the sensor's range of -40 to 125 °C)\n",
  );
  expect(exitCode).toBe(0);
});

test('a bus error is shown where it happened and fails', async () => {
  const { exitCode, stdout, stderr } = await run('temperature', [
    { write: '01', error: 'no answer from 0x48 on i2c-1' },
  ]);
  expect(stdout).toBe(
    'temperature: tmp102 at 0x48 on i2c-1\n> 01\n! no answer from 0x48 on i2c-1\n',
  );
  expect(stderr).toBe('sensor temperature: no answer from 0x48 on i2c-1\n');
  expect(exitCode).toBe(1);
});

test('a line is read too', async () => {
  const { exitCode, stdout } = await run('door/closed', []);
  expect(stdout).toBe(
    'door/closed: digital-input on line DI0\n> line DI0 open\n< taken\n> line DI0\n< 1\ndoor/closed  true  good\n',
  );
  expect(exitCode).toBe(0);
});

test('what is unknown is told', async () => {
  expect(await run('temprature', [], { suggest: () => 'temperature' })).toEqual({
    exitCode: 1,
    stdout: '',
    stderr:
      'no sensor "temprature" in cell.yaml: there are temperature, door/closed, pressure (did you mean temperature?)\n',
  });
  expect((await run('x', [], { sensors: [] })).stderr).toBe(
    'no sensor "x" in cell.yaml: there are none\n',
  );
  expect((await run('pressure', [])).stderr).toBe('there is no driver "unheard-of"\n');
});

test('--record keeps what the contract test can play', async () => {
  const record = join(folder, 'tmp102.json');
  const { exitCode, stdout } = await run('temperature', TRANSFERS, { record });
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`3 transfers written to ${record}\n`);
  expect(JSON.parse(readFileSync(record, 'utf8'))).toEqual({
    driver: 'tmp102',
    address: 0x48,
    options: {},
    transfers: TRANSFERS,
    samples: { '': { value: 25 } },
  });
  expect((await run('door/closed', [], { record })).stderr).toContain('not on an I2C bus');
});
