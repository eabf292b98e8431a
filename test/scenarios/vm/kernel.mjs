/**
 * Makes the kernel that the tests in this folder boot, from Debian's packages and without installing them: its image,
 * and the modules that the tests load, gpio-sim and ours among them. Node builtins only.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptShow, digest, run } from './tools.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** Modules of the kernel's own that the tests load; what they need comes along. Some are built into newer kernels. */
const MODULES = [
  'bmp280-i2c',
  'configfs',
  'crc32c_generic',
  'ds2482',
  'ext4',
  'i2c-dev',
  'lm75',
  'virtio_blk',
  'virtio_console',
  'virtio_net',
  'virtio_pci',
  'virtio_rng',
  'w1_therm',
];
/** Modules of ours, each a file in this folder. */
const OURS = ['i2c-player', 'thermal-sim'];

/**
 * The folder of a kernel under `cache`, made when it is not there: vmlinuz, and lib/modules with what the tests load.
 * Throws an Error with a sentence for people.
 */
export function makeKernel(cache, version) {
  const sources = [...OURS.map((name) => `${name}.c`), 'kernel.mjs'].map((file) =>
    readFileSync(join(HERE, file)),
  );
  const folder = join(cache, version, `kernel-${digest(sources)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), 'making-'));
  try {
    unpack(work, version);
    const made = join(work, 'made');
    mkdirSync(made);
    copyFileSync(join(work, `boot/vmlinuz-${version}`), join(made, 'vmlinuz'));
    keepModules(work, made, version, buildModules(work, version));
    renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** Downloads the kernel, its headers and its source, and unpacks them without installing them. */
function unpack(work, version) {
  const headers = `linux-headers-${version}`;
  const more = [
    ...(aptShow(headers, 'Depends') ?? '').matchAll(/linux-(?:headers|kbuild)-[^\s,]+/g),
  ];
  const source = /^\d+\.\d+/.exec(version)?.[0];
  const packages = [`linux-image-${version}`, headers, ...more.map(([name]) => name)];
  packages.push(`linux-source-${source}=${aptShow(`linux-image-${version}`, 'Version')}`);
  run('fetching the kernel and its source (260 MB)', 'apt-get', ['download', ...packages], work);
  for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
    run(`unpacking ${file}`, 'dpkg-deb', ['-x', file, '.'], work);
  const tree = `linux-source-${source}`;
  const files = ['drivers/gpio/gpio-sim.c', 'drivers/gpio/gpiolib.h', 'kernel/irq/irq_sim.c'];
  run(
    'taking gpio-sim out of the source',
    'tar',
    // Stops at the last of them, half-way through the archive.
    ['-xJf', `usr/src/${tree}.tar.xz`, '--occurrence=1', ...files.map((file) => `${tree}/${file}`)],
    work,
  );
  for (const file of files) renameSync(join(work, tree, file), join(work, basename(file)));
}

/** Compiles gpio-sim, which Debian's kernel lacks, and our own; returns where they are. */
function buildModules(work, version) {
  const headers = join(work, `usr/src/linux-headers-${version}`);
  edit(join(headers, 'Makefile'), 'include /usr/src/', `include ${work}/usr/src/`);
  const folder = join(work, 'modules');
  mkdirSync(folder);
  renameSync(join(work, 'gpio-sim.c'), join(folder, 'gpio-sim-main.c'));
  for (const file of ['gpiolib.h', 'irq_sim.c']) renameSync(join(work, file), join(folder, file));
  for (const name of OURS) copyFileSync(join(HERE, `${name}.c`), join(folder, `${name}.c`));
  // A module can't reach irq_to_desc; generic_handle_irq looks the same descriptor up.
  const [known, exported] = [
    'handle_simple_irq(irq_to_desc(irqnum))',
    'generic_handle_irq(irqnum)',
  ];
  edit(join(folder, 'irq_sim.c'), known, exported);
  writeFileSync(
    join(folder, 'Makefile'),
    [
      `obj-m := gpio-sim.o ${OURS.map((name) => `${name}.o`).join(' ')}`,
      'gpio-sim-y := gpio-sim-main.o irq_sim.o',
      '',
    ].join('\n'),
  );
  // Type information for tracers would need one more program, pahole.
  const args = ['-s', '-C', headers, `M=${folder}`, 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'];
  run('compiling gpio-sim and the modules of the tests', 'make', args, work);
  return ['gpio-sim', ...OURS].map((name) => join(folder, `${name}.ko`));
}

/** Puts those just built and those of `MODULES` with what they need into `made`, unpacked and indexed. */
function keepModules(work, made, version, ours) {
  const path = `lib/modules/${version}`;
  const folder = join(made, path);
  mkdirSync(folder, { recursive: true });
  for (const file of ours) copyFileSync(file, join(folder, basename(file)));
  // Debian 13 has them under usr.
  const unpacked = [path, join('usr', path)]
    .map((one) => join(work, one))
    .find((one) => existsSync(join(one, 'kernel')));
  if (!unpacked) throw new Error(`linux-image-${version} has no ${path}/kernel`);
  const kernel = join(unpacked, 'kernel');
  const files = readdirSync(kernel, { recursive: true }).filter((file) => file.includes('.ko'));
  const keep = (name) => {
    const same = (file) => basename(file).split('.')[0].replaceAll('-', '_') === name;
    const file = files.find(same);
    const target = file && join(folder, basename(file));
    // What is not there is built into the kernel.
    if (!target || existsSync(target.replace(/\.xz$/, ''))) return;
    copyFileSync(join(kernel, file), target);
    if (target.endsWith('.xz')) run(undefined, 'xz', ['-d', target], work);
    keepNeeds(target.replace(/\.xz$/, ''));
  };
  const keepNeeds = (file) => {
    const needs = run(undefined, 'modinfo', ['-F', 'depends', file], work).trim();
    for (const name of needs.split(',')) keep(name.replaceAll('-', '_'));
  };
  for (const name of MODULES) keep(name.replaceAll('-', '_'));
  for (const file of ours) keepNeeds(file);
  for (const file of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
    copyFileSync(join(unpacked, file), join(folder, file));
  run(undefined, 'depmod', ['-b', made, version], work);
}

/** Replaces words that must be in a file. */
function edit(file, words, by) {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(words)) throw new Error(`${file} has no "${words}": this kernel is another`);
  writeFileSync(file, text.replace(words, by));
}
