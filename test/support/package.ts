import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { REPOSITORY } from './gateway.ts';

/** Builds the package of this checkout where there is none of this commit, and puts a copy into `folder`; `before` is shell that is run ahead of it. */
export function buildPackage(arch: string, folder: string, before = 'true'): string {
  const line = `${before} && exec "$0" scripts/package.mjs --arch ${arch}`;
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line, process.execPath], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  });
  const file = /^(build\/\S+\.deb): /m.exec(stdout)?.[1];
  if (status !== 0 || !file) throw new Error(`no package: ${stdout}${stderr}`);
  const copy = join(folder, basename(file));
  copyFileSync(join(REPOSITORY, file), copy);
  return copy;
}
