/**
 * `npm run package -- [--arch amd64|arm64]`: build/cellgate_VERSION_ARCH.deb with all that it needs to run.
 * The same commit gives the same bytes, so what was built of it once is not built again.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeControl } from './package/control.mjs';
import { run } from './package/run.mjs';
import { MACHINE, missingFor, TARGETS } from './package/target.mjs';
import { layOut, settle } from './package/tree.mjs';
import { argumentsOf, build, checkNode, fail, installDependencies, ROOT } from './set-up.mjs';

const USAGE = `npm run package -- [--arch ${Object.keys(TARGETS).join('|')}]`;
const { arch } = readOptions();
checkNode();
const missing = missingFor(arch);
if (missing.length > 0) {
  fail(
    `A package for ${arch} can't be built here. Install first: apt-get install ${missing.join(' ')}`,
  );
}
const { version, date, changed } = commit();
const deb = join(ROOT, `build/cellgate_${version}_${arch}.deb`);
if (!changed && existsSync(deb)) {
  report('there already');
  process.exit(0);
}
installDependencies();
build();
const started = performance.now();
const { SCHEMA_VERSION } = await import(join(ROOT, 'dist/src/store/database/migrations.js'));

const folder = mkdtempSync(join(tmpdir(), 'cellgate-package-'));
try {
  const root = join(folder, 'root');
  mkdirSync(root);
  layOut(root, { arch, version, date });
  writeControl(root, { arch, version, schema: SCHEMA_VERSION });
  settle(root, date);
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const making = `${deb}.${process.pid}`;
  // Level 6 takes 150 s on a small machine, for 10 % less.
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z2', '--build', root, making], {
    env: { SOURCE_DATE_EPOCH: String(date.getTime() / 1000) },
  });
  renameSync(making, deb);
  report(`in ${Math.round((performance.now() - started) / 1000)} s`);
} catch (error) {
  fail(error.message);
} finally {
  rmSync(folder, { recursive: true });
}

function report(how) {
  console.log(`${deb.slice(ROOT.length + 1)}: ${(statSync(deb).size / 1e6).toFixed(1)} MB, ${how}`);
}

function readOptions() {
  try {
    const { values } = argumentsOf({ options: { arch: { type: 'string', default: MACHINE } } });
    if (values.arch in TARGETS) return values;
    throw new Error(`there is no package for ${values.arch}`);
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** The version of a release; between releases that of the last one with the commit, which sorts behind it. */
function commit() {
  const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const date = new Date(Number(git('log', '-1', '--format=%ct')) * 1000);
  const changed = git('status', '--porcelain') !== '';
  if (!changed && git('tag', '--points-at', 'HEAD').split('\n').includes(`v${version}`))
    return { version, date, changed };
  const time = date.toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const behind = `${git('rev-parse', '--short=8', 'HEAD')}${changed ? '.changed' : ''}`;
  return { version: `${version}+${time}.${behind}`, date, changed };
}
