import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { describe, expect, test } from 'vitest';
import { Access } from '../../../src/access/access.ts';
import type { AuditRecord } from '../../../src/audit/audit-line.ts';
import { createUsers } from '../../../src/http/users.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const HASH = `scrypt$14$8$1$${'A'.repeat(24)}$${'A'.repeat(43)}=`;
const FILE = `# ours
users:
  - { name: chief, password: ${HASH}, config: write }
  - name: hmi # the panel
    password: ${HASH}
    rules: [{ topic: cell/#, allow: read }]
  - { name: panel }
`;

async function setUp(text = FILE) {
  const file = join(tempFolder(), 'access.yaml');
  writeFileSync(file, text, { mode: 0o640 });
  const { log } = createQuietLog();
  const logged: string[] = [];
  const info = (line: object): unknown => logged.push(JSON.stringify(line));
  const access = new Access({ file, log, now: () => 0 });
  await access.start();
  await access.stop();
  const changes: AuditRecord[] = [];
  access.onUsersChanged = (more) => changes.push(...more);
  const answer = createUsers({ cell: 'cell', access, log: { ...log, info } as Logger });
  const ask = async (user: string | undefined, sent?: object | string) => {
    const bytes = Buffer.from(typeof sent === 'string' ? sent : JSON.stringify(sent ?? ''));
    const body = async (most: number) => (bytes.length > most ? undefined : bytes);
    const visitor = { user, address: '192.0.2.7', readable: ['#'] };
    const rights = { maySubscribe: () => true, mayPublish: () => true };
    const method = sent === undefined ? 'GET' : 'POST';
    const { status, body: text } = await answer({ method, body }, { ...visitor, ...rights });
    return { status, text: String(text).trim() };
  };
  const admitted = async (user: string, password: string): Promise<boolean> => {
    const other = new Access({ file, log, now: () => 0 });
    await other.start();
    await other.stop();
    const admission = await other.admit({
      ...{ address: 'a', clientId: 'c', username: user, password: Buffer.from(password) },
      ...{ certificate: undefined, anonymous: false },
    });
    return 'rights' in admission;
  };
  return { ask, admitted, file, logged, changes, text: () => readFileSync(file, 'utf8') };
}

describe('the users of the page', () => {
  test('are in the audit log with who has changed them, and their rights are in force at once', async () => {
    const { ask, changes } = await setUp();
    const by = { by: 'chief', address: '192.0.2.7' };
    const deputy = {
      action: 'add',
      name: 'deputy',
      password: 'deputy-pass',
      rights: 'administrator',
    };
    expect((await ask('chief', deputy)).status).toBe(200);
    expect((await ask('deputy', { action: 'remove', name: 'chief' })).status).toBe(200);
    expect(changes).toEqual([
      { what: 'user-added', subject: 'deputy', ...by },
      { what: 'user-removed', subject: 'chief', ...by, by: 'deputy' },
    ]);
    expect((await ask('chief')).status).toBe(403);
  });

  test('are listed with their rights, and without a secret', async () => {
    const { ask } = await setUp();
    const { status, text } = await ask('chief');
    expect(status).toBe(200);
    expect(JSON.parse(text).users).toEqual([
      { name: 'chief', ways: ['password'], isAdministrator: true },
      {
        ...{ name: 'hmi', ways: ['password'], isAdministrator: false },
        rules: [{ topic: 'cell/#', allow: 'read' }],
      },
      { name: 'panel', ways: [], isAdministrator: false },
    ]);
    expect(text).not.toMatch(/scrypt|AAAA/);
  });

  test.each([['hmi'], ['panel'], ['no such user'], [undefined]])(
    'are neither seen nor changed by %s',
    async (user) => {
      const { ask, text } = await setUp();
      expect((await ask(user)).status).toBe(403);
      const change = { action: 'add', name: 'x', password: 'long enough', rights: 'all' };
      expect(await ask(user, change)).toMatchObject({
        ...{ status: 403, text: expect.stringContaining('config: write') },
      });
      expect(text()).toBe(FILE);
    },
  );

  test('are added with the chosen rights; the rest of the file and its mode stay', async () => {
    const { ask, admitted, file, logged, text } = await setUp();
    const add = (name: string, rights: string) =>
      ask('chief', { action: 'add', name, password: `${name}-secret`, rights });
    for (const rights of ['read', 'operate', 'all', 'administrator']) {
      expect((await add(`new-${rights}`, rights)).status).toBe(200);
    }
    const { users } = JSON.parse((await ask('chief')).text);
    const system = { topic: '$SYS/#', allow: 'read' };
    expect(users.slice(3)).toMatchObject([
      { name: 'new-read', rules: [{ topic: 'cell/#', allow: 'read' }, system] },
      { name: 'new-operate', rules: [{ topic: 'cell/#', allow: 'readwrite' }, system] },
      { name: 'new-all', ways: ['password', 'SCRAM'], isAdministrator: false },
      { name: 'new-administrator', isAdministrator: true },
    ]);
    expect(users[5].rules).toBeUndefined();
    expect(text()).toContain('# ours');
    expect(text()).toContain('# the panel');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(await admitted('new-read', 'new-read-secret')).toBe(true);
    expect(JSON.parse(logged[0] ?? '')).toEqual({
      ...{ action: 'add', name: 'new-read', by: 'chief', address: '192.0.2.7' },
    });
    expect(logged.join() + text()).not.toContain('-secret');
  });

  test('get another password, and are removed', async () => {
    const { ask, admitted, text } = await setUp();
    const change = { action: 'password', name: 'hmi', password: 'another one' };
    expect((await ask('chief', change)).status).toBe(200);
    expect(await admitted('hmi', 'another one')).toBe(true);
    expect(text()).toContain('topic: cell/#');
    expect((await ask('chief', { action: 'remove', name: 'hmi' })).status).toBe(200);
    expect(await admitted('hmi', 'another one')).toBe(false);
  });

  const right = { action: 'add', name: 'x', password: 'long enough', rights: 'read' };
  test.each<[string, object | string, number, RegExp]>([
    ['one who removes itself', { action: 'remove', name: 'chief' }, 409, /not remove itself/],
    ['the removal of none', { action: 'remove', name: 'other' }, 409, /no user other/],
    [
      'a password for none',
      { action: 'password', name: 'other', password: 'long enough' },
      409,
      /no user other/,
    ],
    ['a short password', { action: 'password', name: 'hmi', password: 'short' }, 409, /at least 8/],
    ['a name that exists', { ...right, name: 'hmi' }, 409, /already/],
    ['an empty name', { ...right, name: '' }, 409, /1 to 64/],
    ['a name of two lines', { ...right, name: 'a\nb' }, 409, /1 to 64/],
    ['a long password', { ...right, password: 'x'.repeat(257) }, 409, /at most 256/],
    ['unknown rights', { ...right, rights: 'root' }, 409, /rights are one of/],
    ['rights of its own', { ...right, rights: { rules: [] } }, 409, /rights are one of/],
    ['an unknown action', { action: 'drop', name: 'hmi' }, 409, /action is one of/],
    ['no name', { action: 'remove' }, 400, /Send/],
    ['a name that is no text', { ...right, name: {} }, 400, /Send/],
    ['no JSON', '{', 400, /JSON/],
    ['a long body', { ...right, more: 'x'.repeat(5000) }, 400, /at most 4096/],
  ])('are not changed by %s', async (_name, change, status, reason) => {
    const { ask, text } = await setUp();
    expect(await ask('chief', change)).toEqual({ status, text: expect.stringMatching(reason) });
    expect(text()).toBe(FILE);
  });

  test('keep one with config: write, also if the file has changed meanwhile', async () => {
    const { ask, file, text } = await setUp();
    const other = FILE.replace(', config: write', '').replace('panel }', 'panel, config: write }');
    writeFileSync(file, other);
    expect(await ask('chief', { action: 'remove', name: 'panel' })).toMatchObject({ status: 409 });
    expect(text()).toBe(other);
  });

  test('are changed one after the other', async () => {
    const { ask } = await setUp();
    const names = Array.from({ length: 8 }, (_, index) => `u${index}`);
    await Promise.all(names.map((name) => ask('chief', { ...right, name })));
    const { users } = JSON.parse((await ask('chief')).text);
    expect(users.slice(3).map(({ name }: { name: string }) => name)).toEqual(names);
  });

  test('of a wrong file are not touched', async () => {
    const { ask, file, text } = await setUp();
    writeFileSync(file, `${FILE}other: true\n`);
    expect(await ask('chief', right)).toMatchObject({
      ...{ status: 409, text: expect.stringMatching(/access.yaml:8.*other/) },
    });
    expect(text()).toContain('other: true');
    writeFileSync(file, FILE);
    chmodSync(file, 0o666);
    expect(await ask('chief', right)).toMatchObject({ status: 409 });
  });
});
