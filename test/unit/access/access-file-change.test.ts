import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Access, type AccessChange, type ConnectRequest } from '../../../src/access/access.ts';
import type { Admission } from '../../../src/access/admission.ts';
import { hashPassword } from '../../../src/access/passwords.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Access by the first file, which admits anonymous clients; the second does not. The third is wrong. */
async function setUp(first: 'open' | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-access-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const put = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const open = put('open.yaml', 'users: []\nanonymous: {}\n');
  const closed = put('closed.yaml', 'users: []\n');
  const wrong = put('wrong.yaml', 'user: []\n');
  const { log } = createQuietLog();
  const access = new Access({ file: first && open, log, now: () => 0 });
  await access.start();
  onTestFinished(() => access.stop());
  const changes: AccessChange[] = [];
  access.onChanged = (change) => changes.push(change);
  const mayConnect = async (): Promise<boolean> => {
    const request: ConnectRequest = {
      ...{ address: '127.0.0.1', clientId: 'c', anonymous: true },
      ...{ username: undefined, password: undefined, certificate: undefined },
    };
    return 'rights' in (await access.admit(request));
  };
  return { access, changes, open, closed, wrong, mayConnect };
}

describe('access without a file', () => {
  test('has no rules, and gets them with a file', async () => {
    const { access, changes, open } = await setUp(undefined);
    expect(access.hasRules).toBe(false);
    await access.applyConfig(open);
    expect(access.hasRules).toBe(true);
    access.configApplied();
    expect(changes).toEqual(['file']);
    await access.applyConfig(undefined);
    expect(access.hasRules).toBe(false);
  });
});

describe('another access file', () => {
  test('is in force at once, and reported once when the whole config is applied', async () => {
    const { access, changes, closed, mayConnect } = await setUp('open');
    expect(await mayConnect()).toBe(true);
    await access.applyConfig(closed);
    expect([await mayConnect(), changes]).toEqual([false, []]);
    access.configApplied();
    access.configApplied();
    expect(changes).toEqual(['file']);
  });

  test('that does not stay changes only what clients may do that came meanwhile', async () => {
    const { access, changes, open, closed, mayConnect } = await setUp('open');
    await access.applyConfig(closed);
    await access.applyConfig(open);
    access.configApplied();
    expect([await mayConnect(), changes]).toEqual([true, ['rules']]);
  });

  test('that is wrong or missing is refused and changes nothing', async () => {
    const { access, changes, wrong, mayConnect } = await setUp('open');
    await expect(access.applyConfig(wrong)).rejects.toThrow(/unknown key/);
    await expect(access.applyConfig('/nowhere.yaml')).rejects.toThrow(/nowhere\.yaml/);
    expect(await mayConnect()).toBe(true);
    expect(changes).toEqual([]);
  });

  test('that is the same is not read again', async () => {
    const { access, changes, open } = await setUp('open');
    writeFileSync(open, 'user: []\n');
    await access.applyConfig(open);
    expect(changes).toEqual([]);
  });
});

describe('passwords', () => {
  async function withUser() {
    const [right, other] = await Promise.all([
      hashPassword('right-one'),
      hashPassword('other-one'),
    ]);
    const folder = tempFolder();
    const file = join(folder, 'access.yaml');
    const put = (password: string): void =>
      writeFileSync(file, `users:\n  - { name: hmi, password: ${password} }\n`, { mode: 0o600 });
    put(right);
    let now = 0;
    const access = new Access({ file, log: createQuietLog().log, now: () => now });
    await access.start();
    onTestFinished(() => access.stop());
    const login = async (password: string): Promise<Admission> =>
      access.admit({
        ...{ address: '10.0.0.1', clientId: 'c', anonymous: false },
        ...{ username: 'hmi', password: Buffer.from(password), certificate: undefined },
      });
    return { access, login, change: () => put(other), later: (ms: number) => (now += ms) };
  }

  test('the right one ends the pauses after wrong ones', async () => {
    const { login, later } = await withUser();
    for (let time = 0; time < 3; time++) {
      expect(await login('wrong')).toMatchObject({ returnCode: 4 });
    }
    expect(await login('right-one')).toMatchObject({ reason: expect.stringContaining('too many') });
    later(1000);
    expect(await login('right-one')).toHaveProperty('rights');
    // Three more are free, as at first.
    for (let time = 0; time < 2; time++) {
      expect(await login('wrong')).toMatchObject({ reason: expect.stringContaining('wrong user') });
    }
    expect(await login('right-one')).toHaveProperty('rights');
  });

  test('a changed one takes the rights from who came with the old one, and from nobody else', async () => {
    const { access, login, change } = await withUser();
    const before = await login('right-one');
    if (!('rights' in before)) throw new Error(before.reason);
    const certificate = { user: 'hmi', proof: 'certificate' };
    expect(access.rightsOf(before.identity, 'c')).toBeDefined();
    const changed = new Promise<void>((resolve) => {
      access.onChanged = () => resolve();
    });
    change();
    await changed;
    expect(access.rightsOf(before.identity, 'c')).toBeUndefined();
    expect(access.rightsOf(certificate, 'c')).toBeDefined();
    expect(await login('right-one')).toMatchObject({ returnCode: 4 });
    const after = await login('other-one');
    expect('rights' in after && access.rightsOf(after.identity, 'c')).toBeTruthy();
  });
});
