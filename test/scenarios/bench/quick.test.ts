import { expect, test } from 'vitest';
import { run } from '../../support/run.ts';
import { compiler } from '../../support/slow-sync.ts';
import { needs } from '../../support/tools.ts';

/** A minute where nothing else runs; every workload starts a gateway of its own, so a busy machine takes far longer. */
const BENCH = ['scripts/bench.mjs', '--against', 'none'];

test('every workload of the bench completes and loses nothing', {
  timeout: 600_000,
}, async (context) => {
  needs(compiler)(context);
  const { stdout: help } = await run(process.execPath, [...BENCH, '--help']);
  const workloads = /--workload {2}one of (.*)/.exec(help)?.[1]?.split(', ') ?? [];
  expect(workloads.length).toBeGreaterThan(20);

  const { code, stdout, stderr } = await run(process.execPath, [...BENCH, '--quick'], {
    withinMs: 590_000,
  });
  for (const name of workloads) {
    const line = stdout.split('\n').find((each) => each.startsWith(`${name} cellgate 1/1: `));
    expect(line, stdout).toMatch(/\blost 0\b/);
  }
  expect(code, stderr).toBe(0);
});
