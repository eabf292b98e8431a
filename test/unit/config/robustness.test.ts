import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/yaml/problem.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';

const SHIPPED = path.resolve(import.meta.dirname, '../../../config/cellgate.yaml');
const TEXT = readFileSync(SHIPPED, 'utf8').replaceAll(/^ *#.*\n/gm, '');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-robustness-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Text that means something to YAML or to the config. */
const scrap = fc.oneof(
  fc.constantFrom(
    '\n',
    '  ',
    '- ',
    ': ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&a ',
    '*a',
    '<<: ',
    '!x ',
    '#',
    '---\n',
    '\t',
    '|',
    '>',
    '?',
    ',',
    'null',
    '0x48',
    '-1',
    'true',
    '.nan',
    '1e999',
    '__proto__: ',
  ),
  fc.string({ maxLength: 4 }),
);

it('answers every damage to a config with a config or with problems of one line each', async () => {
  const damage = fc.array(fc.tuple(fc.nat(TEXT.length), fc.nat(12), scrap), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(damage, async (damages) => {
      let text = TEXT;
      for (const [at, length, put] of damages)
        text = text.slice(0, at) + put + text.slice(at + length);
      writeFileSync(path.join(folder, 'config.yaml'), text);
      const { config, problems } = await loadConfig('config.yaml', fakeDrivers, folder);
      expect(config === undefined).toBe(problems.length > 0);
      const lines = text.split('\n');
      for (const problem of problems) {
        expect(formatProblem(problem)).toMatch(/^config\.yaml:\d+:\d+: [^\n]+: [^\n]+$/);
        expect(problem.line).toBeLessThanOrEqual(lines.length);
        expect(problem.column).toBeLessThanOrEqual(lines[problem.line - 1]!.length + 1);
      }
    }),
    { numRuns: 500 },
  );
});
