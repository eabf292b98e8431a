import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import * as driverKit from '../../../src/driver-kit/driver.ts';
import { loadDriver } from '../../../src/driver-kit/driver-file.ts';
import { never, openSensor } from '../../support/open-sensor.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellgate-drivers-'));
afterAll(() => rmSync(folder, { recursive: true }));

function driverFile(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

test('a driver from outside the tree is given what it needs', async () => {
  const path = driverFile(
    'constant.mjs',
    `export default ({ defineDriver, duration, z }) => defineDriver({
      name: 'constant',
      summary: 'Always the same',
      bus: 'none',
      options: z.strictObject({ value: z.number(), wait: duration('0ms', '1s').prefault('1ms') }),
      channels: () => [{ name: '', unit: 'V' }],
      open: async (_handle, { value }) => ({ read: async () => ({ '': { value } }) }),
    });`,
  );
  const driver = await loadDriver(path);
  expect(driver.options.parse({ value: 5 })).toEqual({ value: 5, wait: 1 });
  const sensor = await openSensor(driver, undefined, { value: 5 });
  expect(await sensor.read(never)).toEqual({ '': { value: 5 } });
});

test('it is given all that a driver of the tree can import, and the guide names each', async () => {
  const path = driverFile(
    'curious.mjs',
    `export default (kit) => kit.defineDriver({
      name: 'curious',
      summary: Object.keys(kit).sort().join(' '),
      bus: 'none',
      options: kit.z.strictObject({}),
      channels: () => [],
      open: async () => ({ read: async () => ({}) }),
    });`,
  );
  const given = (await loadDriver(path)).summary.split(' ');
  expect(given).toEqual(Object.keys(driverKit).sort());
  const guide = readFileSync('docs/write-a-driver.md', 'utf8');
  const named = given.filter((name) => name === 'defineDriver' || guide.includes(`\`${name}\``));
  expect(named).toEqual(given);
});

test.each([
  ['missing.mjs', undefined, 'there is no such file'],
  ['broken.mjs', 'export default (', 'driver'],
  ['empty.mjs', 'export const x = 1;', 'expected a function'],
  ['shapeless.mjs', 'export default () => ({ name: "x" });', 'expected a z.strictObject'],
  ['throwing.mjs', 'export default () => { throw new Error("no way"); };', 'no way'],
])('%s is refused with its path', async (name, source, message) => {
  const path = source === undefined ? join(folder, name) : driverFile(name, source);
  await expect(loadDriver(path)).rejects.toThrow(`driver ${path}: `);
  await expect(loadDriver(path)).rejects.toThrow(message);
});

test('a driver that others could change is refused', async () => {
  const path = driverFile('open.mjs', 'export default () => ({});');
  chmodSync(path, 0o666);
  await expect(loadDriver(path)).rejects.toThrow(
    `${path} can be written by others, expected mode 644`,
  );
  const link = join(folder, 'link.mjs');
  symlinkSync(path, link);
  await expect(loadDriver(link)).rejects.toThrow(`${path} can be written by others`);
  const inside = join(folder, 'open');
  mkdirSync(inside);
  chmodSync(inside, 0o777);
  const hidden = driverFile('open/hidden.mjs', 'export default () => ({});');
  await expect(loadDriver(hidden)).rejects.toThrow(`${inside} can be written by others`);
});
