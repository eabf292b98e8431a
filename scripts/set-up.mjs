/** What `npm start` and `npm test` have in common: the right Node, the dependencies, the build. Node builtins only. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** The root of the repository. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LOCK_STAMP = join(ROOT, 'node_modules/.cellgate-lock');
const BUILD_STAMP = join(ROOT, 'dist/.cellgate-build');

/** Ends with a clear sentence when Node is older than package.json asks for. */
export function checkNode() {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const wanted = engines.node.replace('>=', '');
  if (compare(process.versions.node, wanted) >= 0) return;
  fail(`cellgate needs Node ${wanted} or newer; this is Node ${process.versions.node}.`);
}

/** Runs `npm ci` unless node_modules was made from this very package-lock.json. */
export function installDependencies() {
  const lock = hash([readFileSync(join(ROOT, 'package-lock.json'))]);
  if (read(LOCK_STAMP) === lock) return checkModules();
  const npm = process.env.npm_execpath;
  const [command, first] = npm ? [process.execPath, [npm]] : ['npm', []];
  const { status, output } = step('installing dependencies (npm ci)', command, [...first, 'ci']);
  if (status !== 0) {
    const native = /node-gyp|gyp ERR|\bg\+\+|not found: make|prebuild-install/.test(output);
    fail(
      native
        ? 'A native module could not be compiled. On Debian, install what it needs: apt-get install build-essential python3'
        : 'The dependencies could not be installed; npm says why above.',
    );
  }
  writeFileSync(LOCK_STAMP, lock);
  checkModules();
}

/** Ends with a clear sentence where a compiled module would end the gateway sooner or later. */
export function checkModules() {
  const module = join(ROOT, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node');
  const reason = whyUnfit(process.versions.node, readFileSync(module));
  if (reason) fail(reason);
}

/**
 * Node 24 from 24.19 on aborts when an object of a module that was compiled for it is collected in an idle moment
 * (nodejs/node issue 65446); one that was compiled for an earlier 24 has no such call.
 */
export function whyUnfit(version, module) {
  if (!version.startsWith('24.') || !module.includes('RemoveEnvironmentCleanupHook')) return;
  return `Node ${version} would end the gateway after minutes or hours, as better-sqlite3 was compiled for it (nodejs/node issue 65446). Take Node 22, or the Debian package, which brings its own: docs/install.md.`;
}

/** Compiles and bundles the program, and the page for browsers, to dist unless nothing has changed since the last time. */
export function build() {
  const key = hash([sources().join('\n')]);
  if (read(BUILD_STAMP) === key && existsSync(join(ROOT, 'dist/program'))) return;
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const config = ['-p', 'tsconfig.json'];
  const { status } = step('building (tsc)', process.execPath, [tsc, ...config]);
  if (status !== 0) fail('The build failed; the compiler says why above.');
  const program = step('bundling (rolldown)', process.execPath, ['scripts/build-program.mjs']);
  if (program.status !== 0) fail('The program could not be bundled; see above.');
  const page = step('building the page (vite)', process.execPath, ['scripts/build-page.mjs']);
  if (page.status !== 0) fail('The page could not be built; see above.');
  writeFileSync(BUILD_STAMP, key);
}

/** The arguments, as `parseArgs` reads them; ends with a sentence on one that it does not know. */
export function argumentsOf(expected) {
  try {
    return parseArgs(expected);
  } catch (error) {
    fail(`${error.message}${expected.options.help ? '\n--help lists what there is.' : ''}`, 2);
  }
}

/** The built program of a checkout, also of one before this. */
export function cliOf(checkout) {
  const { bin } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  return join(checkout, bin.cellgate);
}

/** Runs a program, one line on the terminal; its output is shown only when it fails. */
export function step(what, command, args) {
  process.stdout.write(`${what} … `);
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = `${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(status === 0 ? `done in ${seconds} s\n` : `failed\n${output}`);
  return { status: status ?? 1, output };
}

/** Says why it can't go on, and ends with 1. */
export function fail(sentence, code = 1) {
  console.error(sentence);
  process.exit(code);
}

/** Every file that the build reads, with its size and time: cheap to list, changes with any edit. */
function sources() {
  const lines = [];
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(ROOT, path));
    lines.push(`${path} ${size} ${mtimeMs}`);
  };
  for (const folder of ['src', 'drivers']) {
    if (!existsSync(join(ROOT, folder))) continue;
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        add(join((entry.parentPath ?? entry.path).slice(ROOT.length + 1), entry.name));
    }
  }
  for (const file of ['tsconfig.json', 'package.json', 'package-lock.json']) add(file);
  return lines.sort();
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function hash(parts) {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

function compare(one, other) {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number));
  for (let n = 0; n < 3; n++) {
    const difference = (a[n] ?? 0) - (b[n] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
