import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  checkPermissions,
  databaseFile,
  isInUse,
  isLocked,
  lockFolder,
  prepareFolder,
} from '../../../../src/store/database/data-folder.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

test('the data folder is made, for nobody else to read', () => {
  const folder = join(tempFolder(), 'a', 'b');
  prepareFolder(folder);
  expect(existsSync(folder)).toBe(true);
  expect(statSync(folder).mode & 0o007).toBe(0);
  prepareFolder(folder);
});

test('a data folder that is a file is a sentence', () => {
  const folder = join(tempFolder(), 'file');
  writeFileSync(folder, '');
  expect(() => prepareFolder(folder)).toThrow(/can't write to the data folder .*file \(EEXIST\)/);
  expect(() => prepareFolder(join(folder, 'below'))).toThrow('(ENOTDIR)');
});

test.skipIf(process.getuid?.() === 0)('a data folder of someone else is a sentence', () => {
  const folder = tempFolder();
  chmodSync(folder, 0o500);
  expect(() => prepareFolder(folder)).toThrow('(EACCES)');
  chmodSync(folder, 0o700);
});

test('a folder is locked for other processes and this one, until it is released', () => {
  const folder = tempFolder();
  const unlock = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(
    `the data folder ${folder} is in use by another cellgate`,
  );
  const module = new URL('../../../../dist/src/store/database/data-folder.js', import.meta.url)
    .href;
  const script = `import(${JSON.stringify(module)}).then(({ lockFolder }) => lockFolder(process.argv[1]))`;
  const take = () => spawnSync(process.execPath, ['-e', script, folder], { encoding: 'utf8' });
  expect(take().stderr).toContain('is in use by another cellgate');
  unlock();
  // A process that ends without a release leaves no lock behind.
  expect(take().status).toBe(0);
  lockFolder(folder)();
});

test('a folder is in use while it is locked; one without a lock is not', () => {
  const folder = tempFolder();
  expect([isInUse(folder), isLocked(folder)]).toEqual([false, false]);
  const unlock = lockFolder(folder);
  expect([isInUse(folder), isLocked(folder)]).toEqual([true, true]);
  unlock();
  expect(isInUse(folder)).toBe(false);
});

test('a folder or another file in the place of the lock is renamed, and the folder is locked', () => {
  for (const put of [
    (lock: string) => mkdirSync(lock),
    (lock: string) => writeFileSync(lock, Buffer.alloc(9000, 'other')),
  ]) {
    const folder = tempFolder();
    put(join(folder, 'lock'));
    const unlock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow('in use by another cellgate');
    expect(
      readdirSync(folder).filter((name) => /^lock\.damaged-\d+T\d+Z$/.test(name)),
    ).toHaveLength(1);
    unlock();
  }
});

test('a sentence has the remedy of its cause', () => {
  const file = join(tempFolder(), 'file');
  writeFileSync(file, '');
  const or = "or change 'data' in the config";
  expect(() => prepareFolder(file)).toThrow(
    `(EEXIST): move away the file that has its name, ${or}`,
  );
  expect(() => prepareFolder(join(file, 'below'))).toThrow(
    `(ENOTDIR): move away the file that is in its path, ${or}`,
  );
});

test('files of the database that are not there need no permission', () => {
  checkPermissions(databaseFile(tempFolder()));
});

test.each(['', '-wal', '-shm'])(
  'a file of the database (%s) that can not be read is a sentence',
  (part) => {
    const file = databaseFile(tempFolder());
    const broken = `${file}${part}`;
    // A link that no user can follow, root neither.
    symlinkSync(broken, broken);
    expect(() => checkPermissions(file)).toThrow(
      `can't read and write ${broken} (ELOOP): make it belong to this user`,
    );
  },
);
