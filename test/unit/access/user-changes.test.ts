import { expect, test } from 'vitest';
import type { AccessRules, User } from '../../../src/access/access-file.ts';
import { userChanges } from '../../../src/access/user-changes.ts';

const rulesOf = (users: Readonly<Record<string, Partial<User>>>): AccessRules => ({
  users: new Map(
    Object.entries(users).map(([name, user]) => [
      name,
      { password: 'p', scram: 's', rules: [], ...user } as User,
    ]),
  ),
  clients: new Map(),
  anonymous: undefined,
  scramSecret: undefined,
  scramExample: undefined,
});
const found = (before: AccessRules, after: AccessRules) =>
  userChanges(before, after).map(({ what, subject }) => `${what} ${subject}`);

test('users that are added or removed, and passwords and rights that are changed, each by its name', () => {
  const before = rulesOf({ same: {}, gone: {}, word: {}, keys: {}, rights: {} });
  const after = rulesOf({
    ...{ same: {}, new: {}, word: { password: 'q' }, keys: { scram: 't' } },
    rights: { rules: [{ topic: '#', allow: 'read' }] },
  });
  expect(found(before, after)).toEqual([
    'user-removed gone',
    'user-added new',
    'password-changed word',
    'password-changed keys',
    'rights-changed rights',
  ]);
  expect(found(before, before)).toEqual([]);
  expect(found(before, { ...before, anonymous: [] })).toEqual([
    'rights-changed clients and anonymous',
  ]);
  expect(JSON.stringify(userChanges(before, after))).not.toMatch(/"[pqst]"/);
});

test('many changes at once are counted', () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`user ${n}`, {}]));
  const changes = userChanges(rulesOf({}), rulesOf(many));
  expect(changes.length).toBe(51);
  expect(changes.at(-1)?.reason).toBe('and 950 more changes of users');
});
