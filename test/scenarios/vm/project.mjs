/** What of this project runs in the machine, as one more archive of its root file system. Node builtins only. */
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from './tools.mjs';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** What Node loads; sources, types and documentation stay behind. */
const LOADED = /\.(js|cjs|mjs|json|node)$/;

/** Writes to `target` an initramfs made of `base`, the build and the packages that it needs; they are under / then. */
export function addProject(base, target) {
  const files = [
    ...['src', 'drivers', 'program'].map((name) => join('dist', name)),
    ...packages(),
  ].flatMap(filesOf);
  const folders = new Set();
  for (const file of files) {
    const parts = file.split(sep);
    for (let depth = 1; depth < parts.length; depth += 1)
      folders.add(parts.slice(0, depth).join(sep));
  }
  copyFileSync(base, target);
  addFiles(target, ROOT, [...folders, ...files, 'package.json']);
}

/** Adds files and folders of `root`, each after the folder that it is in, to the initramfs `target`. */
export function addFiles(target, root, names) {
  // The kernel unpacks archives that follow each other, one over the other.
  const output = openSync(target, 'a');
  const { status, stderr } = spawnSync(findProgram('busybox'), ['cpio', '-o', '-H', 'newc'], {
    cwd: root,
    input: [...names, ''].join('\n'),
    stdio: ['pipe', output, 'pipe'],
  });
  closeSync(output);
  if (status !== 0) throw new Error(`packing ${root}: ${stderr}`);
}

/** The folders of the packages that are not for development only. */
function packages() {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.keys(lock.packages).filter((path) => path !== '' && !lock.packages[path].dev);
}

function filesOf(folder) {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && LOADED.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length + 1))
    .filter((path) => !path.slice(folder.length).includes('node_modules'));
}
