import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Access } from '../../../src/access/access.ts';
import { user } from '../../../src/cli/user.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { ScramClient } from '../../support/scram-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';

function setUp(before?: string) {
  const folder = tempFolder();
  const config = join(folder, 'config.yaml');
  const file = join(folder, 'access.yaml');
  writeFileSync(config, 'broker: { access: access.yaml }\n');
  if (before !== undefined) writeFileSync(file, before, { mode: 0o600 });
  const run = async (action: 'add' | 'remove' | 'list', name?: string, password = '') => {
    const io = fakeIo({}, folder);
    const source = { password: () => Promise.resolve(password) };
    const code = await user(action, name, { config }, io, source);
    return { code, out: io.out(), err: io.err() };
  };
  return { run, file, text: () => readFileSync(file, 'utf8') };
}

/** Whether the user gets in with a password, and with SCRAM. */
async function ways(file: string, name: string, password: string) {
  const access = new Access({ file, log: createQuietLog().log, now: () => 0 });
  await access.start();
  const shared = { address: 'a', clientId: 'c', username: name };
  const plain = await access.admit({
    ...{ ...shared, password: Buffer.from(password) },
    ...{ certificate: undefined, anonymous: false },
  });
  const [login, client] = [access.scram(shared), new ScramClient(name, password)];
  const first = login.step(client.first);
  const last = 'challenge' in first ? login.step(client.final(first.challenge)) : first;
  await access.stop();
  return {
    plain: 'rights' in plain,
    scram: 'admission' in last && 'rights' in last.admission && client.isProved(last.last),
  };
}

test('add makes what a login with the password and one with SCRAM need', async () => {
  const { run, file, text } = setUp();
  expect(await run('add', 'hmi', 'hmi-secret')).toMatchObject({ code: 0, err: '' });
  expect(await ways(file, 'hmi', 'hmi-secret')).toEqual({ plain: true, scram: true });
  expect(await ways(file, 'hmi', 'hmi-secreT')).toEqual({ plain: false, scram: false });
  expect(text()).not.toContain('hmi-secret');
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect((await run('list')).out).toBe('hmi  password, SCRAM\n');
});

test('add changes both for a user that is there, and leaves the rest of the file alone', async () => {
  const password = `scrypt$14$8$1$${'A'.repeat(24)}$${'A'.repeat(43)}=`;
  const before = `# ours\nusers:\n  - name: hmi\n    password: ${password}\n    rules: [{ topic: a, allow: read }]\n  - { name: panel }\n`;
  const { run, file, text } = setUp(before);
  expect((await run('list')).out).toBe('hmi  password\npanel  certificate only\n');
  await run('add', 'hmi', 'first-one');
  const secret = /scramSecret: (\S+)/.exec(text())?.[1];
  expect(secret).toMatch(/^[\w+/]{43}=$/);
  await run('add', 'hmi', 'second-one');
  await run('add', 'plc', 'plc-secret');
  expect(await ways(file, 'hmi', 'first-one')).toEqual({ plain: false, scram: false });
  expect(await ways(file, 'hmi', 'second-one')).toEqual({ plain: true, scram: true });
  expect(text()).toMatch(/^# ours\n/);
  expect(text()).toContain('topic: a');
  // The salts that users who do not exist get stay the same.
  expect(text().match(/scramSecret: .*/g)).toEqual([`scramSecret: ${secret}`]);
  expect((await run('list')).out).toBe(
    'hmi  password, SCRAM\npanel  certificate only\nplc  password, SCRAM\n',
  );
});

test('remove takes both', async () => {
  const { run, file, text } = setUp();
  await run('add', 'hmi', 'hmi-secret');
  await run('add', 'plc', 'plc-secret');
  expect((await run('remove', 'hmi')).code).toBe(0);
  expect(text()).not.toContain('hmi');
  expect(await ways(file, 'hmi', 'hmi-secret')).toEqual({ plain: false, scram: false });
  expect(await ways(file, 'plc', 'plc-secret')).toEqual({ plain: true, scram: true });
});

test.each([
  ['', 'expected a password of at least 8 characters'],
  ['1234567', 'expected a password of at least 8 characters'],
])('the password "%s" is refused', async (password, reason) => {
  const { run } = setUp();
  const { code, err } = await run('add', 'hmi', password);
  expect([code, err]).toEqual([1, `${reason}\n`]);
});

test.each([
  ['is missing', undefined, /config\.yaml:1:1: no such file, expected a YAML file\n$/],
  ['is no YAML', 'broker: { access: access.yaml\n', /config\.yaml:\d+:\d+: .*a \{ opened here/],
  ['names no access file', 'cell: a\n', /config\.yaml names no access file: set broker\.access/],
])('a config that %s is one sentence', async (_what, text, sentence) => {
  const folder = tempFolder();
  if (text !== undefined) writeFileSync(join(folder, 'config.yaml'), text);
  const io = fakeIo({}, folder);
  const source = { password: () => Promise.reject(new Error('asked too early')) };
  expect(await user('add', 'hmi', { config: 'config.yaml' }, io, source)).toBe(1);
  expect(io.err()).toMatch(sentence);
  expect(io.err().match(/\n/g)).toHaveLength(1);
});
