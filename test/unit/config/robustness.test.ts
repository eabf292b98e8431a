import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/yaml/problem.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';

const textOf = (file: string): string =>
  readFileSync(path.resolve(import.meta.dirname, '../../..', file), 'utf8').replaceAll(
    /^ *#.*\n/gm,
    '',
  );

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

it.each(['config/cellgate.yaml', 'test/fixtures/old-keys/cellgate.yaml'])(
  'answers every damage to %s with a config or with problems of one line each',
  async (file) => {
    const whole = textOf(file);
    const damage = fc.array(fc.tuple(fc.nat(whole.length), fc.nat(12), scrap), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(damage, async (damages) => {
        let text = whole;
        for (const [at, length, put] of damages)
          text = text.slice(0, at) + put + text.slice(at + length);
        writeFileSync(path.join(folder, 'config.yaml'), text);
        const { config, problems, warnings } = await loadConfig('config.yaml', fakeDrivers, folder);
        expect(config === undefined).toBe(problems.length > 0);
        const lines = text.split('\n');
        for (const problem of [...problems, ...warnings]) {
          expect(formatProblem(problem)).toMatch(/^config\.yaml:\d+:\d+: [^\n]+: [^\n]+$/);
          expect(problem.line).toBeLessThanOrEqual(lines.length);
          expect(problem.column).toBeLessThanOrEqual(lines[problem.line - 1]!.length + 1);
        }
      }),
      { numRuns: 500 },
    );
  },
);
