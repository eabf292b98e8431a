import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diskOf, wearOf } from '../../../src/store/wear.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const GB = 1e9;
const YEAR_MS = 365.25 * 86_400_000;

/** A root in which the folder is on the second partition of a disk with these files. */
function rootWith(folder: string, files: Readonly<Record<string, string>>): string {
  const root = tempFolder();
  const disk = join(root, 'sys/devices/mmc0/block/mmcblk0');
  mkdirSync(join(disk, 'device'), { recursive: true });
  mkdirSync(join(disk, 'mmcblk0p2'));
  writeFileSync(join(disk, 'mmcblk0p2/partition'), '2\n');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(disk, name), text);
  const { dev } = statSync(folder);
  const number = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  mkdirSync(join(root, 'sys/dev/block'), { recursive: true });
  symlinkSync(join(disk, 'mmcblk0p2'), join(root, 'sys/dev/block', number));
  return root;
}

test('the disk of a folder is that of its partition, with the counters of the card', () => {
  const folder = tempFolder();
  const root = rootWith(folder, {
    size: '31250000\n',
    'device/life_time': '0x02 0x03\n',
    'device/pre_eol_info': '0x02\n',
  });
  expect(diskOf(folder, root)).toEqual({
    diskBytes: 16 * GB,
    lifeUsed: 0.3,
    reserve: 'warning',
  });
});

test('what the kernel does not show is unknown', () => {
  const folder = tempFolder();
  const size = '31250000\n';
  const unknown = { lifeUsed: null, reserve: null };
  expect(diskOf(folder, rootWith(folder, { size }))).toEqual({ diskBytes: 16 * GB, ...unknown });
  const zero = { size, 'device/life_time': '0x00 0x00', 'device/pre_eol_info': '0x00' };
  expect(diskOf(folder, rootWith(folder, zero))).toEqual({ diskBytes: 16 * GB, ...unknown });
  expect(diskOf(folder, tempFolder())).toEqual({ diskBytes: null, ...unknown });
  expect(diskOf(join(folder, 'none'))).toEqual({ diskBytes: null, ...unknown });
});

test('a year and the years that are left follow from what was written since the start', () => {
  const disk = { diskBytes: 16 * GB, lifeUsed: 0.25, reserve: null };
  // 1 TB in a year; the card takes 16 GB times 1,000, a third of it from the gateway, and 75 % of that is left.
  expect(wearOf(disk, 1e12 / 365.25, YEAR_MS / 365.25)).toEqual({
    ...disk,
    bytesPerYear: 1e12,
    yearsLeft: 4,
  });
});

test('nothing is said in the first minute, of an unknown disk, or where nothing is written', () => {
  const disk = { diskBytes: 16 * GB, lifeUsed: null, reserve: null };
  expect(wearOf(disk, 5000, 59_000)).toMatchObject({ bytesPerYear: null, yearsLeft: null });
  const other = wearOf({ ...disk, diskBytes: null }, 5000, 60_000);
  expect([other.bytesPerYear! > 0, other.yearsLeft]).toEqual([true, null]);
  expect(wearOf(disk, 0, 60_000)).toMatchObject({ bytesPerYear: 0, yearsLeft: null });
});
