import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/gateway.ts';

const folder = join(REPOSITORY, 'test/scenarios/mqtt5');
/** A text that names a statement: the name of a test, or of a case in a list of cases. */
const QUOTED = /(['"`])((?:(?!\1)[^\n])*\[MQTT-(?:(?!\1)[^\n])*)\1/g;
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .toSorted()
  .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(QUOTED)])
  .map((match) => match[2]!);
const file = join(REPOSITORY, 'docs/conformance-5.md');
const lines = readFileSync(file, 'utf8').split('\n');
const isRow = (line: string) => line.startsWith('| MQTT-');
const cellsOf = (line: string) =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
/** What the page says of a statement that has lost its tests; another test fails then. */
const NOT_TESTED = 'not tested yet';

/** The row with the tests that name its statement, and without the note that there are none. */
function current(line: string): string {
  const [statement = '', requirement, , note = ''] = cellsOf(line);
  const tests = [...new Set(names.filter((name) => name.includes(`[${statement}]`)))];
  const cells = tests.map((name) => `\`${name.replaceAll('|', '\\|')}\``).join('<br>');
  const isTested = tests.length > 0;
  const newNote = isTested && note === NOT_TESTED ? '' : note || (isTested ? '' : NOT_TESTED);
  return `| ${statement} | ${requirement} | ${cells} | ${newNote} |`;
}

test('docs/conformance-5.md has every test that names a statement (else: UPDATE_GOLDEN=1 npx vitest run test/docs)', () => {
  const expected = lines.map((line) => (isRow(line) ? current(line) : line)).join('\n');
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, expected);
  else expect(lines).toEqual(expected.split('\n'));
});

test('each of the 251 statements of MQTT 5 has one row, with a test or the reason why there is none', () => {
  const rows = lines.filter(isRow).map(cellsOf);
  expect(new Set(rows.map(([statement]) => statement)).size).toBe(251);
  expect(rows).toHaveLength(251);
  for (const [statement, , tests, note] of rows) {
    if (tests === '')
      expect(note, statement).toMatch(/^(for clients|not visible: .+|tested with MQTT 3.1.1: .+)$/);
  }
});

test('a test names only statements that exist', () => {
  const statements = new Set(lines.filter(isRow).map((line) => cellsOf(line)[0]));
  const named = names.flatMap((name) => [...name.matchAll(/\[(MQTT-[\d.]+-\d+)\]/g)]);
  expect(named.map((match) => match[1]).filter((one) => !statements.has(one))).toEqual([]);
});
