import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/yaml/problem.ts';
import { drivers } from '../../../src/driver-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellgate-outside-'));
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(
  join(folder, 'constant.mjs'),
  `export default ({ defineDriver, z }) => defineDriver({
    name: 'constant',
    summary: 'Always the same',
    bus: 'none',
    options: z.strictObject({ value: z.number().describe('What it says.') }),
    channels: () => [{ name: '', unit: 'V' }],
    open: async (_handle, { value }) => ({ read: async () => ({ '': { value } }) }),
  });`,
);
writeFileSync(
  join(folder, 'greedy.mjs'),
  `export default ({ defineDriver, z }) => defineDriver({
    name: 'greedy',
    summary: 'Wants a key that every sensor has',
    bus: 'none',
    options: z.strictObject({ every: z.number() }),
    channels: () => [],
    open: async () => ({ read: async () => ({}) }),
  });`,
);

const load = async (...sensors: string[]) => {
  const text = ['cell: c', 'sensors:', ...sensors.map((sensor) => `  - { ${sensor} }`)].join('\n');
  writeFileSync(join(folder, 'cell.yaml'), `${text}\n`);
  const { config, problems } = await loadConfig('cell.yaml', drivers, folder);
  return { config, problems: problems.map((one) => formatProblem(one)) };
};

test('a driver file is loaded, its options are checked, and the config brings it along', async () => {
  const { config } = await load('name: a, driver: ./constant.mjs, value: 1');
  expect(config?.sensors).toMatchObject([{ driver: './constant.mjs', options: { value: 1 } }]);
  expect(config?.drivers.get('./constant.mjs')?.summary).toBe('Always the same');
  expect(config?.drivers.has('tmp102')).toBe(true);
  expect(drivers.has('./constant.mjs')).toBe(false);
});

test('what is wrong is told with its line', async () => {
  const { problems } = await load(
    'name: a, driver: ./missing.mjs',
    'name: b, driver: ./constant.mjs, value: high',
    'name: c, driver: ./constant.mjs, value: 1, values: 1',
    'name: d, driver: ./greedy.mjs',
    'name: e, driver: ./missing.mjs',
  );
  const missing = `driver ${folder}/missing.mjs: there is no such file, expected a driver file there, or the name of a driver that comes with the gateway`;
  expect(problems).toEqual([
    `cell.yaml:3:24: sensors[0].driver: ${missing}`,
    'cell.yaml:4:47: sensors[1].value: found "high", expected a number',
    'cell.yaml:5:50: sensors[2].values: unknown key (did you mean value?)',
    'cell.yaml:6:24: sensors[3].driver: driver ./greedy.mjs: every sensor has a key "every" already, expected a driver as in docs/write-a-driver.md',
    `cell.yaml:7:24: sensors[4].driver: ${missing}`,
  ]);
});
