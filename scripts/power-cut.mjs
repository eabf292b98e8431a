/**
 * `npm run test:power-cut -- [--cuts 25] [--seed N] [--no-sync]`: cuts the power of a gateway in an emulated machine
 * again and again and asks clients outside what was lost. `--no-sync` is the control: the gateway's fsync does nothing
 * then, so that it must be seen to lose.
 */
import { join } from 'node:path';
import { runnerImport } from 'vite';
import { whyNot } from '../test/scenarios/vm/run.mjs';
import { build, checkNode, fail, installDependencies, ROOT } from './set-up.mjs';

checkNode();
installDependencies();
await import('./setup-tests.mjs');
build();
const missing = whyNot();
if (missing) fail(`no power can be cut here: ${missing}`);
const { module } = await runnerImport(join(ROOT, 'test/scenarios/vm/power-cut/main.ts'), {
  logLevel: 'error',
});
process.exit(await module.main(process.argv.slice(2)));
