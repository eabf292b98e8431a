import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { whyUnfit } from '../../../scripts/set-up.mjs';
import { REPOSITORY } from '../../support/gateway.ts';

const MODULE = join(REPOSITORY, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node');
const UNFIT = Buffer.from('\0_ZN4node28RemoveEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_\0');

test('a module that Node 24 would abort with is refused, with what to do', () => {
  expect(whyUnfit('24.21.0', UNFIT)).toMatch(/Node 24\.21\.0 would end.*Take Node 22/);
  expect(whyUnfit('22.20.0', UNFIT)).toBeUndefined();
  expect(whyUnfit(process.versions.node, readFileSync(MODULE))).toBeUndefined();
});
