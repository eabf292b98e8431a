/**
 * `npm run test:mutation -- [folder or file of src …] [--minutes 30] [--share 100] [--seed N] [--jobs 2]`: changes the
 * code in one place after the other (a condition, a comparison, a number, a statement that is left out) and runs the unit
 * tests. A change that no test notices is a survivor. Tries a random sample of so many percent of the changes. Ends after
 * so many minutes; each folder has its part of them.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { argumentsOf, checkNode, fail, installDependencies, ROOT } from './set-up.mjs';

/** Folder of src → the tests that run against its mutants: its unit tests and what else is quick. */
const TESTS = {
  queue: ['test/unit/queue'],
  store: ['test/unit/store'],
  broker: ['test/unit/broker', 'test/scenarios/mqtt5/auth.test.ts'],
  uplink: ['test/unit/uplink'],
  outputs: ['test/unit/outputs'],
  access: ['test/unit/access'],
};
/** What only the writer's thread runs, where Stryker does not see it: all of these tests run against its mutants. */
const IN_THREAD = {
  files: ['writer-thread', 'database-name', 'file-identity'].map(
    (name) => `src/store/commit/${name}.ts`,
  ),
  tests: ['writer', 'database-name', 'journal-order', 'large-commits'].map(
    (name) => `test/unit/store/commit/${name}.test.ts`,
  ),
};
/** Files are tried in groups of about so many lines to try: before each group the tests run once without a mutant. */
const GROUP_LINES = 600;
/** What those tests do not need is not copied. */
const UNNEEDED = ['.git', 'dist', 'docs/images', 'coverage'];
/** What Stryker calls a mutant that no test noticed, and one in code that no test runs. */
const SURVIVED = ['Survived', 'NoCoverage'];
/** What it calls one that was noticed: by a failed test, by the time, by an error outside of a test. */
const KILLED = ['Killed', 'Timeout', 'RuntimeError'];
/** Percent of a folder. */
const LEAST_KILLED = 80;
/** A test that fails without a mutant ends a run. On a busy machine that may be chance, so it is run again. */
const DRY_RUNS = 3;
/** How long Stryker may take to end after its time is over. */
const END_MS = 10_000;

const { values, positionals } = argumentsOf({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '30' },
    share: { type: 'string', default: '100' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    jobs: { type: 'string', default: '2' },
  },
});
const [minutes, share, jobs] = ['minutes', 'share', 'jobs'].map((name) => {
  const number = Number(values[name]);
  if (!(number > 0)) fail(`--${name} is a number greater than 0, not ${values[name]}`);
  return number;
});
const folders = plan(positionals.length > 0 ? positionals : Object.keys(TESTS));
checkNode();
installDependencies();
const work = mkdtempSync(join(tmpdir(), 'cellgate-mutation-'));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

console.log(`at most ${minutes} min, --share ${share} --seed ${values.seed}`);
const deadline = performance.now() + minutes * 60_000;
const tried = new Map();
for (const [index, [folder, groups]] of [...folders].entries()) {
  const end = performance.now() + (deadline - performance.now()) / (folders.size - index);
  const results = [];
  for (const group of groups) {
    if (performance.now() >= end) break;
    results.push(...(await tryGroup(folder, group, end, DRY_RUNS)));
  }
  tried.set(folder, results);
}
report();

/** The groups of files of each folder, in an order that the seed gives. */
function plan(asked) {
  const planned = new Map();
  const key = (file) => createHash('sha256').update(values.seed).update(file).digest('hex');
  for (const name of asked) {
    const path = [name, join('src', name)].map((one) => resolve(ROOT, one)).find(existsSync);
    const folder = path && relative(join(ROOT, 'src'), path).split(sep)[0];
    if (!TESTS[folder])
      fail(`${name}: not a file or folder of src/{${Object.keys(TESTS)}} with a list of tests`);
    const files = statSync(path).isFile()
      ? [path]
      : readdirSync(path, { recursive: true })
          .filter((file) => file.endsWith('.ts'))
          .map((file) => join(path, file));
    const known = planned.get(folder) ?? [];
    planned.set(folder, [...known, ...files.map((file) => relative(ROOT, file))]);
  }
  for (const [folder, files] of planned) {
    const order = [...new Set(files)].sort((one, other) => (key(one) < key(other) ? -1 : 1));
    const isInThread = (file) => IN_THREAD.files.includes(file);
    planned.set(folder, [
      ...inGroups(order.filter((file) => !isInThread(file))),
      ...inGroups(order.filter(isInThread)),
    ]);
  }
  return planned;
}

function inGroups(files) {
  const groups = [];
  const most = (GROUP_LINES * 100) / share;
  let lines = most;
  for (const file of files) {
    if (lines >= most) {
      groups.push([]);
      lines = 0;
    }
    groups.at(-1).push(file);
    lines += readFileSync(join(ROOT, file), 'utf8').split('\n').length;
  }
  return groups;
}

/** Runs Stryker over some files until it is done, or until the time is over; returns what is known of each mutant. */
async function tryGroup(folder, files, end, dryRuns) {
  const output = join(work, 'results');
  const config = join(work, 'stryker.config.json');
  writeFileSync(output, '');
  const inThread = IN_THREAD.files.includes(files[0]);
  writeFileSync(config, JSON.stringify(options(files, inThread ? 'off' : 'perTest')));
  const args = [join(ROOT, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', config];
  const tests = inThread
    ? IN_THREAD.tests
    : TESTS[folder].map((path) => (path.endsWith('.ts') ? path : `${path}/**/*.test.ts`));
  const started = performance.now();
  const stryker = spawn(process.execPath, args, {
    cwd: ROOT,
    env: {
      ...process.env,
      MUTATION_ROOT: ROOT,
      MUTATION_TESTS: `${tests}`,
      MUTATION_RESULTS: output,
      MUTATION_SHARE: `${share}`,
      MUTATION_SEED: values.seed,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = () => stryker.kill('SIGTERM');
  process.once('exit', stop);
  let said = '';
  for (const stream of [stryker.stdout, stryker.stderr])
    stream.on('data', (chunk) => {
      said = (said + chunk).slice(-20_000);
    });
  const ended = once(stryker, 'exit');
  const late = new AbortController();
  const inTime = await Promise.race([
    ended.then(() => true),
    delay(Math.max(0, end - performance.now()), false, { signal: late.signal }).catch(() => true),
  ]);
  late.abort();
  if (!inTime) {
    stryker.kill('SIGTERM');
    const stopped = await Promise.race([ended, delay(END_MS, undefined, { ref: false })]);
    if (!stopped) stryker.kill('SIGKILL');
    await ended;
  } else if (stryker.exitCode !== 0 && dryRuns > 1 && /failed tests in the initial/.test(said)) {
    process.off('exit', stop);
    console.log(`a test fails without a change, once more:\n${said}`);
    return tryGroup(folder, files, end, dryRuns - 1);
  } else if (stryker.exitCode !== 0) fail(`${said}\nStryker ended with ${stryker.exitCode}`);
  process.off('exit', stop);
  const lines = readFileSync(output, 'utf8').trim().split('\n').filter(Boolean);
  const counted = [...KILLED, ...SURVIVED];
  const results = lines
    .map((line) => JSON.parse(line))
    .filter(({ status }) => counted.includes(status));
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const how = inTime ? '' : ', not finished';
  console.log(`${folder}: ${files.length} files, ${results.length} mutants in ${seconds} s${how}`);
  for (const result of results) if (SURVIVED.includes(result.status)) printSurvivor(result);
  return results;
}

function printSurvivor({ fileName, location, mutatorName, replacement, status }) {
  const place = `${relative(ROOT, fileName)}:${location.start.line}:${location.start.column}`;
  const text = replacement.replace(/\s+/g, ' ').slice(0, 80);
  console.log(`  ${place} ${mutatorName} → ${text}${status === 'Survived' ? '' : ' (not run)'}`);
}

function options(files, coverageAnalysis) {
  return {
    testRunner: 'vitest',
    vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
    mutate: files,
    coverageAnalysis,
    concurrency: jobs,
    // A busy machine is slow without a mutant too.
    timeoutMS: 60_000,
    dryRunTimeoutMinutes: 20,
    ignorePatterns: UNNEEDED,
    buildCommand: 'node scripts/mutation/build.mjs',
    // The build needs them before Stryker would link them.
    symlinkNodeModules: false,
    // Stryker can't read it through TypeScript 7, and does not need it.
    tsconfigFile: 'none',
    disableTypeChecks: false,
    plugins: [
      '@stryker-mutator/vitest-runner',
      ...['reporter.mjs', 'sample.mjs'].map((file) => join(ROOT, 'scripts/mutation', file)),
    ],
    checkers: share < 100 ? ['sample'] : [],
    reporters: ['lines'],
    tempDirName: join(work, 'sandbox'),
    allowConsoleColors: false,
  };
}

/** A table by folder; ends with 1 where fewer than `LEAST_KILLED` percent of a folder are killed. */
function report() {
  const rows = [...tried].map(([folder, results]) => {
    const count = (...statuses) => results.filter(({ status }) => statuses.includes(status)).length;
    const killed = count(...KILLED);
    const all = killed + count(...SURVIVED);
    const files = folders.get(folder).flat();
    return {
      folder: `src/${folder}`,
      files: `${new Set(results.map(({ fileName }) => fileName)).size} of ${files.length}`,
      mutants: all,
      killed,
      'of these by time': count('Timeout'),
      survived: count('Survived'),
      'not run by a test': count('NoCoverage'),
      'killed share': all === 0 ? '-' : `${((100 * killed) / all).toFixed(1)} %`,
    };
  });
  console.table(rows);
  const low = rows.filter(({ mutants, killed }) => 100 * killed < LEAST_KILLED * mutants);
  if (low.length === 0) return;
  const names = low.map(({ folder }) => folder).join(', ');
  console.error(`fewer than ${LEAST_KILLED} % are killed in ${names}`);
  process.exitCode = 1;
}
