/**
 * `npm run test:model -- --runs N --seed S` and `npm run test:fuzz -- --minutes M --seed S`:
 * the random tests for longer than continuous integration runs them, or again with a seed that found something.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { argumentsOf, fail, ROOT } from './set-up.mjs';

const SUITES = {
  model: {
    file: 'test/scenarios/model/model.test.ts',
    options: { runs: 'MODEL_RUNS', seed: 'MODEL_SEED' },
  },
  fuzz: {
    file: 'test/scenarios/fuzz/fuzz.test.ts',
    options: { minutes: 'FUZZ_MINUTES', seed: 'FUZZ_SEED' },
  },
  'odd-data': {
    file: 'test/scenarios/crash/odd-data.test.ts',
    options: { runs: 'ODD_DATA_RUNS', seed: 'ODD_DATA_SEED' },
  },
  'config-changes': {
    file: 'test/scenarios/crash/config-changes.test.ts',
    options: { changes: 'CONFIG_CHANGES', seed: 'CONFIG_CHANGES_SEED' },
  },
};

const [name, ...args] = process.argv.slice(2);
const suite = SUITES[name];
if (!suite) fail(`usage: long-test.mjs ${Object.keys(SUITES).join('|')} [--option N]`, 2);
const options = Object.fromEntries(
  Object.keys(suite.options).map((option) => [option, { type: 'string' }]),
);
const { values } = argumentsOf({ args, options });
const env = { ...process.env };
for (const [option, variable] of Object.entries(suite.options)) {
  const value =
    values[option] ?? (option === 'seed' ? String(Math.floor(Math.random() * 2 ** 31)) : undefined);
  if (value === undefined) continue;
  if (!Number.isFinite(Number(value))) fail(`--${option} is a number, not ${value}`, 2);
  env[variable] = value;
}
const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', suite.file], {
  cwd: ROOT,
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
