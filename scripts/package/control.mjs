import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../set-up.mjs';
import { run } from './run.mjs';
import { TARGETS } from './target.mjs';

const read = (name) => readFileSync(join(ROOT, 'scripts/debian', name), 'utf8');

/** Writes into `root`/DEBIAN what dpkg reads: control, maintainer scripts, checksums. */
export function writeControl(root, { arch, version, schema }) {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const folder = join(root, 'DEBIAN');
  mkdirSync(folder);
  const put = (name, text) => writeFileSync(join(folder, name), text);
  const size = files.reduce((sum, file) => sum + Math.ceil(statSync(file).size / 1024), 0);
  const fill = (name, values) =>
    read(name).replaceAll(/@([A-Z]+)@/g, (_, key) => {
      if (!(key in values)) throw new Error(`scripts/debian/${name}: what is @${key}@?`);
      return values[key];
    });
  const upgrade = fill('upgrade.sh', { SCHEMA: schema }).trimEnd();
  put(
    'control',
    fill('control', { VERSION: version, ARCH: arch, SIZE: size, LIBC: libc(files, arch) }),
  );
  for (const script of ['preinst', 'postinst', 'prerm', 'postrm']) {
    put(script, fill(script, { UPGRADE: upgrade }));
  }
  const sum = (file) => createHash('md5').update(readFileSync(file)).digest('hex');
  put('md5sums', files.map((file) => `${sum(file)}  ${file.slice(root.length + 1)}\n`).join(''));
}

/** The oldest glibc that has all which the programs and native modules ask for, e.g. 2.34. */
function libc(files, arch) {
  const binaries = files.filter((file) => /\.node$|\/bin\/node$/.test(file));
  const symbols = binaries
    .map((file) => run(`${TARGETS[arch].tools}objdump`, ['-T', file]))
    .join('');
  const versions = [...symbols.matchAll(/\(?GLIBC_(\d+)\.(\d+)/g)].map(([, a, b]) => [+a, +b]);
  const [major, minor] = versions.reduce((most, one) =>
    one[0] > most[0] || (one[0] === most[0] && one[1] > most[1]) ? one : most,
  );
  return `${major}.${minor}`;
}
