import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/gateway.ts';

const folder = join(REPOSITORY, 'test/scenarios/conformance');
const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
const page = readFileSync(join(REPOSITORY, 'docs/conformance.md'), 'utf8');
const rows = page.split('\n').filter((line) => /^\| (MQTT|`\[)/.test(line));

/** The names of all conformance tests as they stand in the sources, `%s` included. */
const inTests = sources.flatMap((source) =>
  [...source.matchAll(/'(\[(?:MQTT-|cellgate\])[^'\n]*)'/g)].map((match) => match[1]!),
);
const inTable = rows.flatMap((row) =>
  [...row.matchAll(/`(\[(?:\\\||[^`|])*)`/g)].map((match) => match[1]!.replaceAll('\\|', '|')),
);

test('every conformance test begins with its statements, or says that it is ours', () => {
  const calls = sources.flatMap(
    (source) => source.match(/\btest(\.concurrent)?(\.each)?\(/g) ?? [],
  );
  expect(inTests).toHaveLength(calls.length);
});

test('every conformance test stands in the table, and every test in the table exists', () => {
  expect([...new Set(inTable)].sort()).toEqual([...new Set(inTests)].sort());
});

test('every statement has a test that names it, or a note why not', () => {
  const statements = rows.filter((row) => row.startsWith('| MQTT-'));
  expect(statements.length).toBe(141);
  for (const row of statements) {
    const [, statement, , tests, note] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (tests === '') expect(note, `${statement}`).toMatch(/client|not visible/);
    for (const name of tests?.split('<br>').filter(Boolean) ?? []) {
      expect(name).toContain(`[${statement}]`);
    }
  }
});
