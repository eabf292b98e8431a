import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { freePort } from '../../support/server-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const SECRETS = {
  environment: 'environment-secret-1',
  file: 'file-secret-2"\\',
  config: 'config-secret-3',
  comment: 'comment-secret-4',
  url: 'url/secret@5',
  token: 'token-secret-6',
  plain: 'plain-secret-7',
  login: 'login-secret-8',
};
let gateway: TestGateway;
let folder: string;
let hash: string;
let keyText: string;
let temporary: string;
let port: number;
let httpPort: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-support-'));
  temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  const init = ['tls', 'init', '--name', 'localhost', '127.0.0.1', '--dir', folder];
  execFileSync(process.execPath, [join(REPOSITORY, 'dist/program/cli.js'), ...init]);
  const tls = { cert: join(folder, 'gateway.crt'), key: join(folder, 'gateway.key') };
  keyText = readFileSync(tls.key, 'utf8');
  hash = await hashPassword(SECRETS.login);
  const access = join(folder, 'access.yaml');
  const users = `users:\n  - { name: anna, password: ${hash}, config: write }\n  - { name: bert, password: ${hash} }\n`;
  writeFileSync(access, users, { mode: 0o600 });
  const passwordFile = join(folder, 'plant.password');
  writeFileSync(passwordFile, `${SECRETS.file}\n`, { mode: 0o600 });
  const uplink = (name: string, password: string, port: number) => ({
    ...{ name, url: `mqtt://127.0.0.1:${port}`, username: 'robot', password },
    routes: [{ out: '#', to: 'p/' }],
  });
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  [port, , httpPort] = ports;
  gateway = await startGateway({
    ...{
      access,
      http: { port: httpPort },
      env: { PLANT_PASSWORD: SECRETS.environment, TMPDIR: temporary },
    },
    ports,
    config: {
      broker: {
        listeners: [
          { host: '127.0.0.1', port: ports[0] },
          { host: '127.0.0.1', port: ports[1], tls },
        ],
        access,
      },
      uplinks: [
        uplink('plant', 'env:PLANT_PASSWORD', 1),
        uplink('other', `file:${passwordFile}`, 2),
      ],
    },
  });
});
afterAll(async () => {
  await gateway?.dispose();
  rmSync(folder, { recursive: true });
});

const take = (user: string, method = 'POST') =>
  fetch(`http://127.0.0.1:${httpPort}/api/support`, {
    method,
    headers:
      user === ''
        ? {}
        : { authorization: `Basic ${Buffer.from(`${user}:${SECRETS.login}`).toString('base64')}` },
  });
const texts = async (response: Response): Promise<string> => {
  const file = join(folder, 'bundle.tar.gz');
  writeFileSync(file, Buffer.from(await response.arrayBuffer()));
  const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' });
  for (const name of ['versions', 'config', 'check', 'status', 'doctor', 'log', 'recent-log']) {
    expect(names).toContain(`/${name}.`);
  }
  return execFileSync('tar', ['-xzOf', file], { encoding: 'utf8' });
};

test('is only for users with config: write, by POST', async () => {
  const refused = await take('bert');
  expect([refused.status, await refused.text()]).toEqual([
    403,
    'This user needs config: write in the access file to see and change the config.\n',
  ]);
  expect((await take('')).status).toBe(401);
  expect((await take('anna', 'GET')).status).toBe(405);
});

test('has the state and the log of this gateway, and no secret of its files and its environment', async () => {
  // Names of clients are in the state.
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    ...{ clientId: `plc ${SECRETS.environment} ${SECRETS.file}`, clean: false },
    ...{ username: 'anna', password: SECRETS.login },
  });
  await client.endAsync();
  const response = await take('anna');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/gzip');
  const text = await texts(response);
  expect(text).toContain('"cell":"robotcell1"');
  expect(text).toContain('plc (removed) (removed)');
  expect(text).toContain('gateway of robotcell1 is up');
  expect(text).toContain('env:PLANT_PASSWORD');
  for (const secret of [...Object.values(SECRETS), hash, ...keyText.split('\n').slice(1, 3)]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
  }
  // A download that has ended leaves nothing.
  await waitFor(() => expect(readdirSync(temporary)).toEqual([]));
});

test('has no secret that a mistake has put into the config or the access file', async () => {
  const uplink = `  - { name: third, url: "mqtt://u:${SECRETS.url}@p.example?token=${SECRETS.token}", password: ${SECRETS.config} }\n`;
  const key = `  # ${SECRETS.comment}\n  - { name: fourth, url: mqtts://p.example, tls: { key: ${JSON.stringify(keyText)} } }\n`;
  const before = readFileSync(gateway.configFile, 'utf8');
  writeFileSync(gateway.configFile, `${before}${uplink}${key}apiKey: ${SECRETS.token}\n`);
  const access = join(folder, 'access.yaml');
  writeFileSync(
    access,
    `users:\n  - { name: eva, password: ${SECRETS.plain} }\n${readFileSync(access, 'utf8').replace('users:\n', '')}`,
  );
  const text = await texts(await take('anna'));
  // Of the bundle before.
  expect(text).toMatch(/"by":"anna".*a support bundle was taken at the page/);
  for (const secret of [...Object.values(SECRETS), hash, ...keyText.split('\n').slice(1, 3)]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
  }
});
