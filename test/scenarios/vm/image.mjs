/**
 * Makes what the tests in this folder boot: a kernel of Debian's, and an initramfs with busybox and this Node.
 * Kept outside the tree by kernel version; Node builtins only.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeKernel } from './kernel.mjs';
import { aptShow, digest, findProgram, run } from './tools.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cellgate-vm');

/** The kernel of the Pi's own system first. */
const KERNELS = ['linux-image-6.12-amd64', 'linux-image-amd64'];

/** Debian package → the program that it brings; none where this Node could not run in such a machine. */
export const VM_PACKAGES =
  process.platform === 'linux' && process.arch === 'x64'
    ? {
        'qemu-system-x86': 'qemu-system-x86_64',
        'busybox-static': 'busybox',
        kmod: 'depmod',
        e2fsprogs: 'mkfs.ext4',
        'xz-utils': 'xz',
        make: 'make',
        gcc: 'gcc',
      }
    : {};

/**
 * The image from the cache, or made anew: then each step is a line on the terminal.
 * Throws an Error with a sentence for people when this machine can't make it.
 * @returns {{ kernel: string, initrd: string, version: string }}
 */
export function makeImage() {
  const version = kernelVersion();
  const kernel = makeKernel(CACHE, version);
  const initrd = makeInitrd(kernel, version);
  return { kernel: join(kernel, 'vmlinuz'), initrd, version };
}

/** What the newest package that apt knows has, else the newest in the cache, else what apt knows after a look around. */
function kernelVersion() {
  const known = knownVersion();
  if (known) return known;
  const kept = existsSync(CACHE) ? readdirSync(CACHE).sort() : [];
  const newest = kept.at(-1);
  if (newest) return newest;
  run('fetching package lists', 'apt-get', ['update'], tmpdir());
  const found = knownVersion();
  if (!found) throw new Error(`apt knows none of ${KERNELS.join(', ')}: is this Debian?`);
  return found;
}

function knownVersion() {
  const depends = KERNELS.map((name) => aptShow(name, 'Depends') ?? '');
  return depends.map((text) => /linux-image-(\d[^\s,]*)/.exec(text)?.[1]).find(Boolean);
}

/** The initramfs: init, busybox, this Node with its libraries, the modules. */
function makeInitrd(kernel, version) {
  const programs = [findProgram('busybox'), realpathSync(process.execPath)];
  const stamps = programs.map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`);
  const init = readFileSync(join(HERE, 'init'));
  const initrd = join(kernel, `initrd-${digest([init, ...stamps])}.cpio`);
  if (existsSync(initrd)) return initrd;
  for (const file of readdirSync(kernel))
    if (file.startsWith('initrd-')) rmSync(join(kernel, file));
  const root = mkdtempSync(join(tmpdir(), 'cellgate-vm-'));
  try {
    mkdirSync(join(root, 'bin'));
    writeFileSync(join(root, 'init'), init);
    chmodSync(join(root, 'init'), 0o755);
    const [busybox, node] = programs;
    copyFileSync(busybox, join(root, 'bin/busybox'));
    copyFileSync(node, join(root, 'bin/node'));
    for (const library of libraries(programs)) {
      mkdirSync(join(root, dirname(library)), { recursive: true });
      copyFileSync(library, join(root, library));
    }
    const modules = `lib/modules/${version}`;
    mkdirSync(join(root, modules), { recursive: true });
    for (const file of readdirSync(join(kernel, modules)))
      copyFileSync(join(kernel, modules, file), join(root, modules, file));
    const pack = `find . | '${busybox}' cpio -o -H newc > '${initrd}.part'`;
    run('packing the root file system', 'sh', ['-c', pack], root);
    renameSync(`${initrd}.part`, initrd);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return initrd;
}

/** The shared libraries of programs, as the loader finds them. */
function libraries(programs) {
  const { stdout } = spawnSync('ldd', programs, { encoding: 'utf8' });
  return new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path));
}
