import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from '../../../src/cli/check.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { tempFolder } from '../../support/temp-folder.ts';

async function checked(config: string, access: string): Promise<string[]> {
  const folder = tempFolder();
  writeFileSync(join(folder, 'config.yaml'), config);
  writeFileSync(join(folder, 'access.yaml'), access, { mode: 0o640 });
  const io = fakeIo({}, folder);
  expect(await check({ config: 'config.yaml' }, io, drivers)).toBe(1);
  return io.out().trim().replaceAll(`${folder}/`, '').split('\n');
}

const WRONG = 'users: [{ name: hmi, rules: [{ topic: a, allow: rw }] }]\n';

test('a mistake in the config hides none of the access file', async () => {
  expect(await checked('cell: a\nbroker: { access: access.yaml }\nlogg: {}\n', WRONG)).toEqual([
    expect.stringMatching(/^config\.yaml:3:1: logg: unknown key/),
    expect.stringMatching(/^access\.yaml:1:49: users\[0\]\.rules\[0\]\.allow: found "rw"/),
  ]);
});

test.each([
  ['that is no YAML', 'cell: a\nbroker: { access: access.yaml\n'],
  ['whose broker is a text', 'cell: a\nbroker: access.yaml\n'],
  ['that names no file', 'cell: a\nbroker: { access: [access.yaml] }\n'],
])('a config %s has only its own problems', async (_what, config) => {
  for (const line of await checked(config, WRONG)) expect(line).toMatch(/^config\.yaml:/);
});
