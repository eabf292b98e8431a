import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/gateway.ts';

const FOLDERS = [
  ...['test/unit/uplink/sparkplug', 'test/unit/uplink', 'test/scenarios/uplink'],
  ...['test/unit/broker/messages', 'test/scenarios/interop'],
];
const tests = FOLDERS.flatMap((folder) =>
  readdirSync(join(REPOSITORY, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(REPOSITORY, folder, name), 'utf8')),
).join('\n');
const page = readFileSync(join(REPOSITORY, 'docs/sparkplug.md'), 'utf8');
const [tested = [], left = []] = page
  .slice(page.indexOf('## Conformance'))
  .split('Left out:')
  .map((part) =>
    part
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
  );
const rows = [...tested, ...left];

/** The identifiers of a row. */
const idsOf = ([cell = '']: readonly string[]) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, id]) => id ?? '');

test('docs/sparkplug.md names tests that exist', () => {
  const missing = tested
    .map(([, name = '']) => name)
    .filter((name) => !tests.includes(`'${name}'`) && !existsSync(join(REPOSITORY, name)));
  expect(missing).toEqual([]);
});

test('each identifier has one row, with a test or the reason why there is none', () => {
  const ids = rows.flatMap(idsOf);
  expect(ids.filter((id, place) => ids.indexOf(id) !== place)).toEqual([]);
  expect(tested.flatMap(idsOf).filter((id) => id.endsWith('…'))).toEqual([]);
  expect(left.map(([, reason = '']) => reason).filter((reason) => reason === '')).toEqual([]);
  expect(tested.flatMap(idsOf).length).toBeGreaterThan(130);
});
