import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { playback } from '../../src/buses/playback.ts';
import { never, openSensor } from '../support/open-sensor.ts';
import { loadOutsideDriver } from '../support/outside-driver.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellgate-pages-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pages = (from: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(from).map((file) => [file, readFileSync(join(from, file), 'utf8')]),
  );

test('docs/drivers is current (else: npm run driver-docs)', () => {
  execFileSync(process.execPath, ['scripts/driver-docs.mjs', join(folder, 'pages')]);
  expect(pages('docs/drivers')).toEqual(pages(join(folder, 'pages')));
});

test('the driver of docs/write-a-driver.md works', async () => {
  const driver = await loadOutsideDriver();
  const chip = playback([
    { write: '2400', read: '' },
    { write: '', read: 'beef92' },
    { write: '2400', read: '' },
    { write: '', read: 'beef93' },
  ]);
  const sensor = await openSensor(driver, chip, { offset: 1 });
  const expected = -45 + (175 * 0xbeef) / 65_535 + 1;
  expect((await sensor.read(never))['']?.value).toBeCloseTo(expected, 9);
  await expect(sensor.read(never)).rejects.toThrow('the checksum is wrong');
  chip.done();
});
