import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadInThread } from '../../../src/cli/load-in-thread.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { drivers } from '../../../src/driver-table.ts';
import { REPOSITORY } from '../../support/gateway.ts';
import { outsideDriverText } from '../../support/outside-driver.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const load = (file: string) => loadInThread(file, drivers, REPOSITORY);

test('what a thread loads is what the main thread loads, with its drivers', async () => {
  const file = join(REPOSITORY, 'config/sim.yaml');
  const here = await loadConfig(file, drivers, REPOSITORY);
  const { config, problems, warnings } = await load(file);
  expect([problems, warnings]).toEqual([here.problems, here.warnings]);
  expect(config).toStrictEqual(here.config);
  expect(config?.drivers.get('simulated')).toBe(drivers.get('simulated'));
});

test('the problems and warnings of a config come from the thread', async () => {
  const folder = tempFolder();
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, 'cell: c\ndata: d\nbroker: { limits: { queuedAge: 7d } }\nwrong: 1\n');
  const { config, problems, warnings } = await load(file);
  expect(config).toBeUndefined();
  expect([problems.map(({ path }) => path), warnings.map(({ path }) => path)]).toEqual([
    ['wrong'],
    ['broker.limits.queuedAge'],
  ]);
  expect((await load(join(folder, 'none.yaml'))).problems.length).toBe(1);
});

test('a driver outside of the installation is loaded here too', async () => {
  const folder = tempFolder();
  const file = join(folder, 'config.yaml');
  const sensor = { name: 's', driver: 'sts3x.mjs', bus: 'i2c-1', address: 0x4a, every: '1s' };
  writeFileSync(file, JSON.stringify({ cell: 'c', data: 'd', sensors: [sensor] }));
  const missing = await load(file);
  expect(missing.problems.map(({ path }) => path)).toContain('sensors[0].driver');
  writeFileSync(join(folder, 'sts3x.mjs'), outsideDriverText());
  const { config, problems } = await load(file);
  expect(problems).toEqual([]);
  expect(config?.drivers.get('sts3x.mjs')).toMatchObject({ name: 'sts3x.mjs', bus: 'i2c' });
});
