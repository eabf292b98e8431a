/** `npm run test:vm`: the gateway in an emulated machine with a kernel of its own. Arguments go to vitest. */
import { runVmTests } from '../test/scenarios/vm/run.mjs';
import { build, checkNode, installDependencies } from './set-up.mjs';

checkNode();
installDependencies();
await import('./setup-tests.mjs');
build();
process.exit(runVmTests(process.argv.slice(2)));
