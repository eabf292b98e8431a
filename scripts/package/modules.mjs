import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ROOT } from '../set-up.mjs';
import { cached } from './cache.mjs';
import { run } from './run.mjs';
import { nodeFor, short, TARGETS } from './target.mjs';

/** Folders of a module, besides its own root, that nothing loads at run time. */
const FOLDERS =
  /^(?:\..+|__tests__|benchmarks?|coverage|deps|docs?|examples?|integration-test|src|tests?)$/;
/** What Node loads, and what each author wants to be read with it. */
const LOADED = /\.(?:[cm]?js|json|node)$/;
const LEGAL = /^(?:licen[cs]e|copying|notice)/i;
/** A native module that better-sqlite3 builds for its own tests. */
const UNUSED = 'test_extension.node';

/**
 * node_modules as package-lock.json has them, without those for development; native modules compiled for `arch`.
 * Beside it lies sbom.json, npm's CycloneDX document about them. The folder is the cache's: never change it.
 */
export function modulesFor(arch) {
  const own = ['package-lock.json', '.npmrc', 'package.json'].map((name) => join(ROOT, name));
  // What package.json has to say about modules is in the lock file too; its scripts change often.
  const texts = [...own.slice(0, 2), import.meta.filename].map((file) =>
    readFileSync(file, 'utf8'),
  );
  const compiler = run(`${TARGETS[arch].tools}g++`, ['-dumpfullversion']);
  const key = [...texts, compiler];
  return cached(`modules-for-${basename(nodeFor(arch))}-${short(key.join('\0'))}`, (folder) => {
    // The place is no part of what is built: paths of it would be in messages of the native modules.
    const work = mkdtempSync(join(tmpdir(), 'cellgate-modules-'));
    try {
      for (const file of own) cpSync(file, join(work, file.slice(ROOT.length + 1)));
      run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline'], { cwd: work });
      const modules = join(work, 'node_modules');
      // Of what is installed: from the lock file npm leaves out what modules for development need as well.
      const { devDependencies: _, ...rest } = JSON.parse(readFileSync(join(work, 'package.json')));
      writeFileSync(join(work, 'package.json'), JSON.stringify(rest));
      const bill = run('npm', ['sbom', '--sbom-format=cyclonedx'], { cwd: work });
      writeFileSync(join(folder, 'sbom.json'), bill);
      for (const module of natives(modules)) compile(module, arch);
      rmSync(join(modules, '.package-lock.json'), { force: true });
      rmSync(join(modules, '.bin'), { recursive: true, force: true });
      for (const module of packagesIn(modules)) prune(module);
      cpSync(modules, join(folder, 'node_modules'), { recursive: true });
      run('find', [folder, '-type', 'd', '-empty', '-delete']);
    } finally {
      rmSync(work, { recursive: true });
    }
  });
}

/** The folders of all packages below a node_modules, however deep. */
export function packagesIn(modules) {
  return readdirSync(modules).flatMap((name) => {
    const folder = join(modules, name);
    if (!statSync(folder).isDirectory()) return [];
    if (name.startsWith('@')) return packagesIn(folder);
    const inner = join(folder, 'node_modules');
    return [folder, ...(existsSync(inner) ? packagesIn(inner) : [])];
  });
}

const natives = (modules) =>
  packagesIn(modules).filter((folder) => existsSync(join(folder, 'binding.gyp')));

function compile(module, arch) {
  const { gyp, tools } = TARGETS[arch];
  const flags = `-ffile-prefix-map=${module}=.`;
  const env = {
    CC: `${tools}gcc`,
    CXX: `${tools}g++`,
    AR: `${tools}ar`,
    CFLAGS: flags,
    CXXFLAGS: flags,
  };
  const args = ['rebuild', '--release', `--arch=${gyp}`, `--nodedir=${nodeFor(arch)}`, '--jobs=2'];
  run(process.execPath, [nodeGyp(), ...args], { cwd: module, env });
  const release = join(module, 'build/Release');
  for (const name of readdirSync(release).filter((name) => name.endsWith('.node'))) {
    run(`${tools}strip`, ['--strip-unneeded', join(release, name)]);
  }
}

/** The compiler's driver that npm itself compiles with. */
function nodeGyp() {
  const npm = process.env.npm_execpath
    ? dirname(dirname(process.env.npm_execpath))
    : join(run('npm', ['root', '--global']).trim(), 'npm');
  const file = join(npm, 'node_modules/node-gyp/bin/node-gyp.js');
  if (!existsSync(file)) throw new Error(`npm has no node-gyp: ${file} is missing`);
  return file;
}

/** Takes out of a package what only its authors or a compiler need. */
function prune(module) {
  const loaded = mainFolder(module);
  for (const entry of readdirSync(module, { withFileTypes: true })) {
    if (entry.isDirectory() && FOLDERS.test(entry.name) && entry.name !== loaded) {
      rmSync(join(module, entry.name), { recursive: true });
    }
  }
  for (const entry of readdirSync(module, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const wanted = LOADED.test(entry.name) && entry.name !== UNUSED;
    const path = join(entry.parentPath, entry.name);
    if (!wanted && !LEGAL.test(entry.name)) rmSync(path);
    else if (path.includes('/build/Release/obj')) rmSync(path);
  }
}

/** Some packages load from a folder that others keep their sources in. */
function mainFolder(module) {
  const { main = '' } = JSON.parse(readFileSync(join(module, 'package.json'), 'utf8'));
  return /^(?:\.\/)?([^/]+)\//.exec(main)?.[1];
}
