import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { checkAudit } from '../../../src/audit/audit-check.ts';
import type { AuditLine } from '../../../src/audit/audit-line.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { waitFor } from '../../support/wait-for.ts';

const CLI = join(REPOSITORY, 'dist/program/cli.js');
const RULES =
  "[{ topic: 'line/#', allow: readwrite }, { topic: $SYS/cellgate/disconnect, allow: write }]";
const PASSWORD = 'anna-secret';

let gateway: TestGateway;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-audited-'));
  const access = join(folder, 'access.yaml');
  const password = await hashPassword(PASSWORD);
  const users = `users:\n  - { name: anna, password: ${password}, rules: ${RULES} }\n  - { name: old }\n`;
  writeFileSync(access, users, { mode: 0o600 });
  gateway = await startGateway({ http: {}, access });
});
afterAll(async () => {
  await gateway?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const lines = async (): Promise<readonly AuditLine[]> => (await checkAudit(gateway.dataDir)).lines;
const newest = async (): Promise<AuditLine | undefined> => (await lines()).at(-1);
const cellgate = (words: readonly string[], input = '') =>
  run(process.execPath, [CLI, ...words, '--config', gateway.configFile], { input });
const post = (path: string): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`anna:${PASSWORD}`).toString('base64')}` },
  });
const edit = (from: string | RegExp, to: string): void => {
  const text = readFileSync(gateway.configFile, 'utf8');
  writeFileSync(gateway.configFile, text.replace(from, to));
};

test('the first start is the first line', async () => {
  expect(await lines()).toMatchObject([{ what: 'config-at-start', by: 'local administrator' }]);
});

test('a reload with a difference is a line with what was there before and after, without secrets', async () => {
  edit(/$/, '\n# password: old-secret\nlog: { level: warn }\n');
  expect(await cellgate(['reload'])).toMatchObject({ code: 0 });
  expect(await newest()).toMatchObject({
    ...{ number: 2, what: 'config-applied', by: 'local administrator' },
    after: ['log.level: warn'],
  });
  expect(JSON.stringify(await lines())).not.toContain('old-secret');
});

test('a reload that was taken back has its reason', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  edit(`port: ${gateway.wsPort}`, `port: ${port}`);
  process.kill(gateway.pid, 'SIGHUP');
  await waitFor(async () => expect(await newest()).toMatchObject({ what: 'config-taken-back' }));
  other.close();
  expect(await newest()).toMatchObject({
    before: expect.arrayContaining([`broker.listeners.127.0.0.1:${gateway.wsPort}.protocol: ws`]),
    after: expect.arrayContaining([`broker.listeners.127.0.0.1:${port}.protocol: ws`]),
    reason: expect.stringMatching(/^broker: port .* is in use/),
  });
  edit(`port: ${port}`, `port: ${gateway.wsPort}`);
});

test('users that are added and removed are lines without the password', async () => {
  const before = (await lines()).length;
  await cellgate(['user', 'add', 'bert'], 'bert-secret\n');
  await waitFor(async () =>
    expect(await newest()).toMatchObject({ what: 'user-added', subject: 'bert' }),
  );
  await cellgate(['user', 'remove', 'old']);
  await waitFor(async () =>
    expect(await newest()).toMatchObject({ what: 'user-removed', subject: 'old' }),
  );
  expect((await lines()).length).toBe(before + 2);
  expect(JSON.stringify(await lines())).not.toMatch(/-secret|scrypt|SCRAM/);
});

test('a client that is disconnected and a retained message that is cleared have the user', async () => {
  const url = `mqtt://127.0.0.1:${gateway.port}`;
  const plc = await mqtt.connectAsync(url, {
    ...{ clientId: 'plc', username: 'anna', password: PASSWORD, reconnectPeriod: 0 },
  });
  await plc.publishAsync('line/recipe', 'old', { qos: 1, retain: true });
  expect((await post('/api/clear?topic=line/recipe')).status).toBe(200);
  expect(await newest()).toMatchObject({
    ...{ what: 'retained-cleared', by: 'anna', address: '127.0.0.1', subject: 'line/recipe' },
    before: ['3 bytes'],
  });
  expect((await post('/api/clear?topic=line/recipe')).status).toBe(404);
  expect((await post('/api/clear?topic=robotcell1/status')).status).toBe(403);
  expect((await post('/api/clear?topic=$SYS/broker/uptime')).status).toBe(403);
  expect((await post('/api/disconnect?client=plc')).status).toBe(200);
  expect(await newest()).toMatchObject({ what: 'client-disconnected', by: 'anna', subject: 'plc' });
  await plc.endAsync(true);
});

test('a config that was changed without a reload is a line of the next start', async () => {
  await gateway.kill();
  edit('level: warn', 'level: info');
  await gateway.restart();
  const found = (await lines()).filter(({ what }) => what === 'config-at-start');
  expect(found.map(({ reason }) => reason)).toEqual([
    undefined,
    'the file was changed while the gateway did not run, or for a restart',
  ]);
  expect((await checkAudit(gateway.dataDir)).findings).toEqual([]);
});

test('doctor names a changed line, its file and what to do', async () => {
  const [name = ''] = readdirSync(join(gateway.dataDir, 'audit'));
  const file = join(gateway.dataDir, 'audit', name);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"bert"', '"carl"'));
  const { code, stdout } = await cellgate(['doctor']);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^FAIL {2}audit log: line \d of 00000001\.jsonl was changed: copy the folder audit/m,
  );
});
