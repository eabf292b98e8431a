import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../support/gateway.ts';

test('three days of `npm run age`: every start comes up, every stop ends well', {
  timeout: 180_000,
}, () => {
  const script = join(REPOSITORY, 'scripts/age.mjs');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [script, '--days', '3', '--built'],
    {
      encoding: 'utf8',
    },
  );
  expect(`${stdout}${stderr}`).toMatch(/^day 3 {2}rss \d+ MB .* (killed|stopped)$/m);
  expect(status).toBe(0);
});
