import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { playback, type Transfer } from '../../../src/buses/playback.ts';
import { runCommandLine } from '../../../src/cli/program.ts';
import { drivers } from '../../../src/driver-table.ts';
import { lockFolder } from '../../../src/store/database/data-folder.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { createHastyTools } from '../../support/open-sensor.ts';
import { playbackLine, playbackLines } from '../../support/playback-gpio.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellgate-read-'));
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(
  join(folder, 'cell.yaml'),
  `cell: robotcell1
data: .
sensors:
  - { name: temperature, driver: tmp102, bus: i2c-1, timeout: 500ms }
  - { name: door/closed, driver: digital-input, line: DI0, activeLow: true, debounce: 10ms }
`,
);
writeFileSync(join(folder, 'empty.yaml'), 'cell: robotcell1\n');

/** Runs `cellgate read` with these words in a folder with cell.yaml. */
async function read(words: string, transfers: readonly Transfer[] = []) {
  const io = fakeIo({ CELLGATE_CONFIG: 'cell.yaml' }, folder);
  const { tools } = createHastyTools();
  const clock = {
    ...tools.clock,
    sleep: (ms: number, signal?: AbortSignal) =>
      ms < 100 ? Promise.resolve() : tools.clock.sleep(ms, signal),
  };
  const code = await runCommandLine(['read', ...words.split(' ')], io, {
    drivers,
    clock,
    start: () => Promise.reject(new Error('not in this test')),
    openBuses: () =>
      fakeBuses({
        chips: new Map([['i2c-1 0x48', playback(transfers)]]),
        gpio: {
          line: () => playbackLine(true),
          lines: () => playbackLines([true, false]),
          chips: async () => [],
        },
      }),
  });
  return { code, out: io.out(), err: io.err() };
}

const TRANSFERS: readonly Transfer[] = [
  { write: '01', read: '61a0' },
  { write: '0160a0', read: '' },
  { write: '00', read: '1900' },
  { write: '01', read: '60a0' },
];

test('shows each transfer and the value', async () => {
  const { code, out, err } = await read('temperature', TRANSFERS);
  expect(out).toBe(
    [
      'temperature: tmp102 at 0x48 on i2c-1',
      '> 01',
      '< 61 a0',
      '> 01 60 a0',
      '> 00',
      '< 19 00',
      '> 01',
      '< 60 a0',
      'temperature  25  °C  good',
      '',
    ].join('\n'),
  );
  expect([code, err]).toEqual([0, '']);
});

test('a doubtful value is told with its reason and is no failure', async () => {
  const { code, out } = await read('temperature', [
    { write: '01', read: '60b0' },
    { write: '00', read: '4b01' },
    { write: '01', read: '60b0' },
  ]);
  expect(out).toContain(
    "temperature  150  °C  uncertain  (outside the sensor's range of -40 to 125 °C)\n",
  );
  expect(code).toBe(0);
});

test('a bus error is shown where it happened and fails', async () => {
  const { code, out, err } = await read('temperature', [
    { write: '01', error: 'no answer from 0x48 on i2c-1' },
  ]);
  expect(out).toBe('temperature: tmp102 at 0x48 on i2c-1\n> 01\n! no answer from 0x48 on i2c-1\n');
  expect(err).toBe('cellgate: sensor temperature: no answer from 0x48 on i2c-1\n');
  expect(code).toBe(1);
});

test('a line is read too', async () => {
  const { code, out } = await read('door/closed');
  expect(out).toBe(
    'door/closed: digital-input on line DI0\n> line DI0 open\n< taken\n> line DI0\n< 1\ndoor/closed  true  good\n',
  );
  expect(code).toBe(0);
});

test('what is unknown is told in one line, with what was meant', async () => {
  expect(await read('temprature')).toEqual({
    code: 1,
    out: '',
    err: 'cellgate: no sensor "temprature" in cell.yaml: there are temperature, door/closed (did you mean temperature?)\n',
  });
  expect((await read('x --config empty.yaml')).err).toBe(
    'cellgate: no sensor "x" in empty.yaml: there are none\n',
  );
  expect(await read('x --config none.yaml')).toEqual({
    code: 1,
    out: '',
    err: 'none.yaml:1:1: config: no such file, expected a config: "cellgate setup" writes one\n',
  });
});

test('a sensor that the running gateway reads is left alone', async () => {
  const unlock = lockFolder(folder);
  const { code, out, err } = await read('door/closed');
  unlock();
  expect([code, out]).toEqual([1, '']);
  expect(err).toBe(
    'cellgate: the gateway is running and reads door/closed: stop the gateway, or subscribe to robotcell1/door/closed\n',
  );
  expect((await read('door/closed')).code).toBe(0);
});

test('--record keeps what the contract test can play', async () => {
  const record = join(folder, 'tmp102.json');
  const { code, out } = await read(`temperature --record ${record}`, TRANSFERS);
  expect(code).toBe(0);
  expect(out).toContain(`4 transfers written to ${record}\n`);
  expect(JSON.parse(readFileSync(record, 'utf8'))).toEqual({
    driver: 'tmp102',
    address: 0x48,
    options: {},
    transfers: TRANSFERS,
    samples: { '': { value: 25 } },
  });
  expect((await read(`door/closed --record ${record}`)).err).toContain('not on an I2C bus');
  const nowhere = join(folder, 'no/such/folder.json');
  expect(await read(`temperature --record ${nowhere}`, TRANSFERS)).toMatchObject({
    code: 1,
    err: `cellgate: can't write ${nowhere} (ENOENT): name a file in a folder that you may write\n`,
  });
});
