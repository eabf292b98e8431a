/** Builds the copy that Stryker has made: the store's writer thread and the programs in the tests run the build. */
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';

symlinkSync(join(process.env.MUTATION_ROOT, 'node_modules'), 'node_modules');
const tsc = 'node_modules/typescript/bin/tsc';
// Code with mutants in it has wrong types.
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json', '--noCheck'], { stdio: 'inherit' });
execFileSync(process.execPath, ['scripts/build-program.mjs'], { stdio: 'inherit' });
