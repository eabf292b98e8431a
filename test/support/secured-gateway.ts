import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashPassword } from '../../src/access/passwords.ts';
import { REPOSITORY, startGateway, type TestGateway } from './gateway.ts';
import { freePort } from './server-process.ts';

export const PASSWORD = 'hmi-secret';

/** A gateway with users and TLS, as a cell has it. */
export interface SecuredGateway {
  readonly gateway: TestGateway;
  /** Has ca.crt, and the modules of this repository. */
  readonly folder: string;
  /** Of the listeners; `plain` is without TLS, `open` admits clients without a user, where the access file does. */
  readonly ports: Readonly<Record<'tls' | 'wss' | 'plain' | 'open' | 'old' | 'ws', number>>;
  dispose(): Promise<void>;
}

/** Other users beside hmi, who may do everything: their rules in YAML by their names; the password of x is x-secret. */
export async function startSecuredGateway(
  others: Readonly<Record<string, string>> = {},
): Promise<SecuredGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-secured-'));
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  const tls = (...words: string[]): void => {
    execFileSync(process.execPath, [cli, 'tls', ...words, '--dir', folder], { stdio: 'pipe' });
  };
  tls('init', '--name', 'localhost', '127.0.0.1');
  tls('client', 'panel9');
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  const access = join(folder, 'access.yaml');
  const users = Object.entries({ hmi: '', ...others }).map(async ([name, rules]) => {
    const password = await hashPassword(`${name}-secret`);
    return `  - { name: ${name}, password: ${password}${rules && `, rules: [${rules}]`} }\n`;
  });
  const text = `users:\n${(await Promise.all(users)).join('')}`;
  writeFileSync(access, text, { mode: 0o600 });
  const names = ['tls', 'wss', 'plain', 'open', 'old', 'ws'] as const;
  const ports = {} as Record<(typeof names)[number], number>;
  for (const name of names) ports[name] = await freePort();
  const host = '127.0.0.1';
  const [ca, cert, key] = ['ca.crt', 'gateway.crt', 'gateway.key'].map((one) => join(folder, one));
  const secure = { tls: { cert, key, ca, clientCert: 'optional' } };
  const listeners = [
    { host, port: ports.tls, ...secure },
    { host, port: ports.wss, protocol: 'ws', ...secure },
    { host, port: ports.plain, anonymous: false },
    { host, port: ports.open, anonymous: true },
    { host, port: ports.old, versions: [3, 4] },
    { host, port: ports.ws, protocol: 'ws' },
  ];
  const gateway = await startGateway({
    config: { broker: { listeners, access } },
    ports: Object.values(ports),
  });
  return {
    ...{ gateway, folder, ports },
    async dispose() {
      await gateway.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
