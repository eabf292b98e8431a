/** `npm test`: sets up what is missing, then everything that continuous integration runs. Arguments go to vitest. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { runVmTests, SAMPLE, whyNot } from '../test/scenarios/vm/run.mjs';
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

const run = (...args) => {
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
run(bin('vitest/vitest.mjs'), 'run', ...process.argv.slice(2));
if (process.argv.length === 2) {
  // All of them are done by `npm run test:vm` and `npm run test:power-cut`.
  const failed = runVmTests(['-t', SAMPLE]);
  if (failed) process.exit(failed);
  if (!whyNot()) run(join(ROOT, 'scripts/power-cut.mjs'), '--cuts', '2');
}
