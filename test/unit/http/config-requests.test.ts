import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { waitFor } from '../../support/wait-for.ts';

let gateway: TestGateway;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-config-'));
  const access = join(folder, 'access.yaml');
  const password = await hashPassword('page-secret');
  const users = ['anna', 'eva', 'bert'].map((name) => {
    const right = name === 'bert' ? '' : ', config: write';
    return `  - { name: ${name}, password: ${password}${right} }\n`;
  });
  writeFileSync(access, `users:\n${users.join('')}anonymous: {}\n`, { mode: 0o600 });
  gateway = await startGateway({ http: {}, access });
});
afterAll(async () => {
  await gateway?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const onDisk = (): string => readFileSync(gateway.configFile, 'utf8');
const authorization = (user: string): string =>
  `Basic ${Buffer.from(`${user}:page-secret`).toString('base64')}`;
async function ask(path: string, body?: string, user = 'anna') {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body }),
    headers: user === '' ? {} : { authorization: authorization(user) },
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined };
}
const applied = async (body: string, user?: string) => {
  const { hash } = (await ask('/api/config')).json;
  return ask(`/api/config/apply?base=${hash}`, body, user);
};
const withLimit = (inflight: number): string =>
  onDisk()
    .replace(/^ {2}limits.*\n/m, '')
    .replace(/broker:\n/, `broker:\n  limits: { inflight: ${inflight} }\n`);

test.each([
  '/api/config',
  '/api/config/check',
  '/api/config/apply?base=0',
  '/api/config/keep',
  '/api/config/take-back',
  '/api/audit',
])('%s is only for users with config: write', async (path) => {
  const body = path.includes('/config/') ? 'cell: x' : undefined;
  const refused = await ask(path, body, 'bert');
  expect([refused.status, refused.text]).toEqual([
    403,
    'This user needs config: write in the access file to see and change the config.\n',
  ]);
  // Anonymous clients have no such right.
  expect((await ask(path, body, '')).status).toBe(403);
});

test('the config is the text of its file, with its hash', async () => {
  const { json } = await ask('/api/config');
  expect(json).toMatchObject({ file: gateway.configFile, text: onDisk() });
  expect(json.hash).toMatch(/^[\da-f]{64}$/);
});

test('a check says what cellgate check says, with lines', async () => {
  const { json } = await ask('/api/config/check', `${onDisk()}wrong: 1\n`);
  expect(json.problems).toMatchObject([
    { path: 'wrong', line: onDisk().split('\n').length, message: expect.stringMatching(/unknown/) },
  ]);
  const missing = onDisk().replace('access.yaml', 'none.yaml');
  expect((await ask('/api/config/check', missing)).json.problems).toMatchObject([
    { path: 'broker.access', message: expect.stringMatching(/none\.yaml: no such file/) },
  ]);
});

test('a change is applied, kept and audited; the same base is refused afterwards', async () => {
  const { hash } = (await ask('/api/config')).json;
  const next = withLimit(5);
  const { json } = await ask(`/api/config/apply?base=${hash}`, next);
  expect(json).toMatchObject({ changes: ['broker.limits.inflight: 20 -> 5'], trialMs: 20_000 });
  expect((await applied(withLimit(6), 'eva')).json).toMatchObject({
    refused: 'busy',
    reason: 'a change by anna is tried at this moment: try again',
  });
  // A link or a picture of another page sends GET, with the cookie of a login: it decides nothing.
  for (const action of ['keep', 'take-back']) {
    expect((await ask(`/api/config/${action}?trial=${json.trial}`)).status).toBe(405);
  }
  expect((await ask(`/api/config/keep?trial=${json.trial}`, '')).json).toEqual({ kept: true });
  expect(onDisk()).toBe(next);
  const late = await ask(`/api/config/apply?base=${hash}`, withLimit(7), 'eva');
  expect([late.status, late.json.refused]).toEqual([409, 'changed']);
  expect((await ask('/api/audit?last=2')).json).toMatchObject({
    lines: [{ what: 'config-kept', by: 'anna', address: '127.0.0.1' }, { what: 'config-applied' }],
    findings: [],
  });
});

test('a wrong config, a wrong method, base, text and origin are refused', async () => {
  const wrong = await applied('cel: x\n');
  expect([wrong.status, wrong.json.problems[0].line]).toEqual([422, 1]);
  expect((await ask('/api/config/apply?base=1', 'x')).status).toBe(400);
  expect((await ask('/api/config/apply')).status).toBe(405);
  expect((await ask('/api/config/keep?trial=1', '')).status).toBe(422);
  expect((await ask('/api/audit?last=0')).status).toBe(400);
  const from = (headers: Record<string, string>, body: Uint8Array<ArrayBuffer>) =>
    fetch(`http://127.0.0.1:${gateway.httpPort}/api/config/check`, {
      ...{ method: 'POST', body },
      headers: { authorization: authorization('anna'), ...headers },
    });
  expect((await from({ origin: 'http://evil.example' }, new Uint8Array(1))).status).toBe(403);
  expect((await from({}, new Uint8Array([0xff, 0xfe]))).status).toBe(400);
});

test.each([
  ['with its length', true],
  ['in chunks', false],
])('a body of 5 MB %s is refused before it is parsed', async (_, isAnnounced) => {
  const body = Buffer.alloc(5_000_000, '# much\n');
  const status = await new Promise<number>((resolve, reject) => {
    const headers = {
      authorization: authorization('anna'),
      ...(isAnnounced ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' }),
    };
    const path = '/api/config/check';
    const sent = request({
      ...{ host: '127.0.0.1', port: gateway.httpPort, method: 'POST', path, headers },
    });
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end(body);
  });
  expect(status).toBe(413);
  expect((await ask('/api/config')).status).toBe(200);
});

test('a change that was tried when the gateway was killed is not in the file', async () => {
  const before = onDisk();
  expect((await applied(withLimit(9))).status).toBe(200);
  await gateway.kill();
  expect(onDisk()).toBe(before);
  await gateway.restart();
  await waitFor(async () => expect((await ask('/api/config')).json.text).toBe(before));
});

test('without access rules no one may', async () => {
  const { hash } = (await ask('/api/config')).json;
  const open = onDisk().replace(/^ {2}access: .*\n/m, '');
  const { json } = await ask(`/api/config/apply?base=${hash}`, open);
  // The user who applies it has no such right any more, so can't keep it.
  expect((await ask(`/api/config/keep?trial=${json.trial}`, '')).status).toBe(403);
});
