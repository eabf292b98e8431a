import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from '../../../../scripts/package/cache.mjs';
import { run } from '../../../../scripts/package/run.mjs';
import { debianRoot } from '../../../support/debian.ts';

const SIZE_BYTES = 1.5 * 2 ** 30;

/** A disk with a fresh Debian on it, as a file in `folder`. */
export function makeDisk(folder: string): string {
  const { name, root } = debianRoot();
  const image = cached(`${name}-ext4`, (made: string) => {
    const file = join(made, 'disk');
    writeFileSync(file, '');
    truncateSync(file, SIZE_BYTES);
    run('mkfs.ext4', ['-q', '-F', '-m', '0', '-d', root, file]);
  });
  const disk = join(folder, 'disk');
  run('cp', ['--sparse=always', '--reflink=auto', join(image, 'disk'), disk]);
  return disk;
}
