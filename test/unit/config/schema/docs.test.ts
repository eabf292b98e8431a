import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const REPOSITORY = path.resolve(import.meta.dirname, '../../../..');

it('docs/config.md is current (else: npm run schema)', () => {
  const script = path.join(REPOSITORY, 'scripts/config-docs.mjs');
  const written = execFileSync(process.execPath, [script], { encoding: 'utf8' });
  expect(readFileSync(path.join(REPOSITORY, 'docs/config.md'), 'utf8')).toBe(written);
});
