import { expect, test } from 'vitest';
import { createRandom } from '../../support/random.ts';
import { run } from '../../support/run.ts';

/** Another seed every day, the same all day. */
const SEED = Number(process.env.FLOW_SEED ?? Math.floor(Date.now() / 86_400_000));
const SHAPES = ['1to1', '10to10', '1to10'];
const WINDOWS = [20, 100, 1000];
const SESSIONS = ['clean', 'persistent'];

/** Publishers as fast as they can, with the limits that users have by default; all cells: `npm run bench -- --workload flow`. */
test('subscribers that read get all messages, however many publishers there are and whatever their window is', {
  timeout: 300_000,
}, async () => {
  const { pick } = createRandom(SEED);
  const cells = [1, 2].map(
    (qos) => `flow-qos${qos}-w${pick(WINDOWS)}-${pick(SESSIONS)}-${pick(SHAPES)}`,
  );
  cells.push('flow-qos1-w1000-clean-10to10', `flow-qos0-w0-clean-${pick(SHAPES)}`);
  console.log(`seed ${SEED} (FLOW_SEED): ${cells.join(', ')}`);
  const words = cells.flatMap((cell) => ['--workload', cell]);
  const { code, stdout, stderr } = await run(
    process.execPath,
    ['scripts/bench.mjs', '--against', 'none', '--repeats', '1', ...words],
    { withinMs: 290_000 },
  );
  for (const cell of cells) {
    const line = stdout.split('\n').find((each) => each.startsWith(`${cell} cellgate 1/1: `));
    expect(line, stdout).toMatch(/\blost 0\b/);
    if (cell.startsWith('flow-qos0')) expect(line).toMatch(/\bdropped 0\b/);
  }
  expect(code, stderr).toBe(0);
});
