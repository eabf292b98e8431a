/**
 * Bundles the program and its threads with the packages that they use, src and drivers to dist/program, unless nothing
 * has changed since the last time. Loading one file takes a fraction of the time that hundreds take.
 * `node scripts/build-program.mjs [FOLDER]`: to another folder, always, without source maps.
 */
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { asciiOnly, leanPackages } from './lean-bundle.mjs';
import { filesBelow, unlessBuilt } from './stamped.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The program and its worker threads: the name of the file in dist/program, and the source. */
const ENTRIES = {
  cli: 'src/cli.ts',
  'archive-thread': 'src/history/archive/archive-thread.ts',
  'config-thread': 'src/cli/config-thread.ts',
  'slow-file-thread': 'src/buses/slow-file-thread.ts',
  'writer-thread': 'src/store/commit/writer-thread.ts',
};

/** Compiled modules, which find their binary beside themselves, and what only a terminal needs. */
const EXTERNAL = [
  'better-sqlite3',
  'epoll',
  'i2c-bus',
  'ioctl',
  'onoff',
  'pino-pretty',
  'unix-dgram',
];

async function bundle(folder, sourcemap) {
  const input = Object.entries(ENTRIES).map(([name, source]) => [name, join(root, source)]);
  const program = await rolldown({
    input: Object.fromEntries(input),
    platform: 'node',
    external: EXTERNAL,
    plugins: [leanPackages, asciiOnly],
    onLog: (level, { message }) => {
      if (level === 'warn') throw new Error(message);
    },
  });
  await program.write({
    dir: folder,
    cleanDir: true,
    format: 'esm',
    sourcemap,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // Names stay, so that the stack of an error can be read.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  chmodSync(join(folder, 'cli.js'), 0o755);
}

const [folder] = process.argv.slice(2);
if (folder) {
  await bundle(folder, false);
} else {
  const sources = ['src', 'drivers'].flatMap((name) => filesBelow(join(root, name)));
  const others = ['package-lock.json', 'scripts/build-program.mjs', 'scripts/lean-bundle.mjs'].map(
    (name) => join(root, name),
  );
  const target = join(root, 'dist/program');
  await unlessBuilt(join(target, '.built'), [...sources, ...others], () => bundle(target, true));
}
