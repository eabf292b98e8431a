import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { support } from '../../../src/cli/support.ts';
import type { Parts } from '../../../src/cli/verb.ts';
import {
  secretsIn,
  withoutSecrets,
  withoutValues,
} from '../../../src/config/yaml/without-secrets.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeIo } from '../../support/fake-io.ts';

const SECRET = 'hunter2-do-not-tell';
const parts = { drivers } as unknown as Parts;

function folderWith(config: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-support-test-'));
  writeFileSync(join(folder, 'cell.yaml'), config.replace('DATA', join(folder, 'data')));
  return folder;
}

const contents = (bundle: string): string =>
  execFileSync('tar', ['-xzOf', bundle], { encoding: 'utf8' });

test.each([
  ['password', `uplinks: [{ name: p, url: mqtt://p.example, password: ${SECRET} }]`],
  ['url', `uplinks: [{ name: p, url: 'mqtt://u:${SECRET}@p.example' }]`],
  ['comment', `# the password is ${SECRET}\\ncell: a`],
  ['unknown key', `apiToken: ${SECRET}`],
  ['list', `passwords: [${SECRET}, 7]`],
  ['map', `secrets: { a: { b: ${SECRET} } }`],
  ['url with a slash and an @', `uplinks: [{ name: p, url: 'mqtt://u:a/b@${SECRET}@p.example' }]`],
  ['query of a url', `uplinks: [{ name: p, url: 'wss://p.example/mqtt?a=1&sig=${SECRET}' }]`],
  ['key under an unknown name', `apiKey: ${SECRET}`],
  ['key in the text', `tls: { key: "-----BEGIN PRIVATE KEY-----\\n${SECRET}" }`],
  [
    'stored password',
    `users: [{ name: a, hash: 'scrypt$14$8$1$${SECRET.replaceAll('-', '/')}$x' }]`,
  ],
])('the config in the bundle has no secret of a %s', (_where, text) => {
  const shown = withoutSecrets(text.replace('\\ncell', '\ncell'));
  expect(shown).not.toContain(SECRET);
  expect(shown).not.toContain(SECRET.replaceAll('-', '/'));
});

test('a text of another part loses what the config names as secret, also in JSON and inside another secret', () => {
  const { values, places } = secretsIn(
    'uplinks:\n  - { password: env:PLANT }\n  - { password: "quo\\"ted" }\n  - { token: [abcd, abcdef, x] }\n',
  );
  expect(places).toEqual(['env:PLANT']);
  expect(values).toEqual(['quo"ted', 'abcd', 'abcdef', 'x']);
  expect(withoutValues(`${JSON.stringify('quo"ted')} abcdef abcd x`, values)).toBe(
    '"(removed)" (removed) (removed) x',
  );
});

test('what is no secret stays', () => {
  const config =
    'cell: a\nuplinks:\n  - { name: p, url: mqtts://p.example:8883, password: credential:plant }\n';
  const text = withoutSecrets(config);
  expect(text).toContain('mqtts://p.example:8883');
  expect(text).toContain('credential:plant');
});

test('a bundle has each part, or why it is missing, and no secret', async () => {
  const folder = folderWith(
    `cell: a\ndata: DATA\n# ${SECRET}\nuplinks: [{ name: p, url: mqtt://127.0.0.1:1, password: ${SECRET} }]\n`,
  );
  const bundle = join(folder, 'bundle.tar.gz');
  const io = fakeIo();
  expect(await support(bundle, { config: join(folder, 'cell.yaml') }, io, parts)).toBe(0);
  const names = execFileSync('tar', ['-tzf', bundle], { encoding: 'utf8' });
  for (const name of ['versions', 'config', 'check', 'status', 'doctor', 'queues', 'log']) {
    expect(names).toContain(`cellgate-support/${name}.`);
  }
  const text = contents(bundle);
  expect(text).not.toContain(SECRET);
  expect(text).toContain('cell: a');
  expect(text).toMatch(/Node v\d+/);
  expect(io.out()).toContain('look into it before you send it');
  expect(statSync(bundle).mode & 0o777).toBe(0o600);
});

test('a file that is there is not replaced, and a folder that is not there is told', async () => {
  const folder = folderWith('cell: a\n');
  const file = join(folder, 'cell.yaml');
  const io = fakeIo();
  expect(await support(file, { config: file }, io, parts)).toBe(2);
  expect(readFileSync(file, 'utf8')).toBe('cell: a\n');
  expect(io.err()).toContain('is there already');
  expect(await support(join(folder, 'no/b.tar.gz'), { config: file }, fakeIo(), parts)).toBe(1);
});

test('a config that is no YAML is left out, without its text', async () => {
  const folder = folderWith(`cell: [${SECRET}\n`);
  const bundle = join(folder, 'b.tar.gz');
  expect(await support(bundle, { config: join(folder, 'cell.yaml') }, fakeIo(), parts)).toBe(0);
  const text = contents(bundle);
  expect(text).toContain('not available: the config is no YAML');
  expect(text).not.toContain(SECRET);
});

test('a bundle that can not be written is one sentence, before anything is collected', async () => {
  const bundle = join(folderWith('cell: a\n'), 'no-such-folder', 'bundle.tar.gz');
  const io = fakeIo();
  expect(await support(bundle, { config: 'none.yaml' }, io, parts)).toBe(1);
  expect(io.err()).toMatch(/^cellgate: can't write .*bundle\.tar\.gz: ENOENT: .*\n$/);
});
