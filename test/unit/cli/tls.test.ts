import { execFileSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { REPOSITORY } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';

async function inFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'cellgate-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const config = join(folder, 'config.yaml');
  writeFileSync(config, 'cell: a\n');
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  const tls = (...words: string[]) =>
    run(process.execPath, [cli, 'tls', ...words, '--config', config]);
  return { folder, config, tls };
}

test('init makes what the config that it prints needs', async () => {
  const { folder, config, tls } = await inFolder();
  const made = await tls('init', '--name', 'gw.local', '10.0.0.7');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const door = /^ {2}listeners:\n(?: {4}.*\n)+/m.exec(made.stdout)![0];
  writeFileSync(config, `cell: a\nbroker:\n  access: access.yaml\n${door}`);
  writeFileSync(join(folder, 'access.yaml'), 'users: []\n', { mode: 0o600 });
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  const checked = await run(process.execPath, [cli, 'check', '--config', config]);
  expect(checked).toMatchObject({ code: 0, stderr: '' });
  expect(statSync(join(folder, 'tls/ca.key')).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'tls/gateway.key')).mode & 0o777).toBe(0o640);

  expect((await tls('client', 'panel1')).code).toBe(0);
  const tool = (...words: string[]): string =>
    execFileSync('openssl', words, { cwd: join(folder, 'tls'), encoding: 'utf8', stdio: 'pipe' });
  const usedAs = (use: string, file: string): string =>
    tool('verify', '-CAfile', 'ca.crt', '-purpose', use, file);
  expect(usedAs('sslserver', 'gateway.crt')).toContain('OK');
  expect(usedAs('sslclient', 'panel1.crt')).toContain('OK');
  expect(() => usedAs('sslserver', 'panel1.crt')).toThrow();
  expect(() => usedAs('sslclient', 'gateway.crt')).toThrow();
  expect(tool('x509', '-in', 'gateway.crt', '-noout', '-ext', 'subjectAltName')).toMatch(
    /DNS:gw\.local, IP Address:10\.0\.0\.7/,
  );
});

test('what is there is not overwritten, and wrong words are told', async () => {
  const { tls } = await inFolder();
  const told = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await tls(...words);
    return `${code} ${stderr}`;
  };
  expect(await told('client', 'panel1')).toMatch(
    /^1 .* has no certificate authority, .*run "cellgate tls init" first/,
  );
  expect(await told('init', '--name', 'a,DNS:evil')).toMatch(/^2 .*--name a,DNS:evil: a host name/);
  expect(await told('init', '--days', 'soon')).toMatch(/^2 .*--days: a whole number/);
  expect((await tls('init')).code).toBe(0);
  expect(await told('init')).toMatch(
    /^1 .* has a certificate authority already: "cellgate tls server"/,
  );
  expect(await told('client', '../x')).toMatch(/^2 .*expected a client name/);
  expect(await told('client', 'ca')).toMatch(/^1 .*this name is reserved/);
});
