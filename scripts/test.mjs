/** `npm test`: sets up what is missing, then everything that continuous integration runs. Arguments go to vitest. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { runVmTests, SAMPLE } from '../test/vm/run.mjs';
import { MACHINE, missingFor } from './package/target.mjs';
import { build, checkNode, fail, installDependencies, ROOT, step } from './set-up.mjs';

checkNode();
installDependencies();
await import('./setup-tests.mjs');

const bin = (name) => join(ROOT, 'node_modules', name);
const check = (what, ...args) => {
  if (step(what, process.execPath, args).status !== 0) fail(`${what}: not in order, see above.`);
};
check('format and lint (biome)', bin('@biomejs/biome/bin/biome'), 'check', '.');
build();
check('types of the page (tsc)', bin('typescript/bin/tsc'), '-p', 'src/page/tsconfig.json');
check('types of the tests (tsc)', bin('typescript/bin/tsc'), '-p', 'test/tsconfig.json');
if (MACHINE && missingFor(MACHINE).length === 0) {
  // Before the tests, which would wait for the compiler: some minutes the first time, then seconds.
  check('building the Debian package', join(ROOT, 'scripts/package.mjs'));
}

const vitest = [bin('vitest/vitest.mjs'), 'run', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, vitest, { cwd: ROOT, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
// All of them are done by `npm run test:vm`.
if (process.argv.length === 2) process.exit(runVmTests(['-t', SAMPLE]));
