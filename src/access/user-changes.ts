import { isDeepStrictEqual } from 'node:util';
import { type AuditRecord, LOCAL_ADMINISTRATOR } from '../audit/audit-line.ts';
import type { AccessRules } from './access-file.ts';

/** More changes at once are counted. */
const MOST = 50;

/** What differs between the users and rights of two access files; hashes of passwords are not in it. */
export function userChanges(before: AccessRules, after: AccessRules): readonly AuditRecord[] {
  const found: AuditRecord[] = [];
  const add = (what: AuditRecord['what'], subject: string): void => {
    found.push({ what, subject, by: LOCAL_ADMINISTRATOR });
  };
  for (const name of before.users.keys()) if (!after.users.has(name)) add('user-removed', name);
  for (const [name, user] of after.users) {
    const former = before.users.get(name);
    if (!former) add('user-added', name);
    else {
      const { password, scram, ...rights } = user;
      const { password: formerPassword, scram: formerScram, ...formerRights } = former;
      if (password !== formerPassword || scram !== formerScram) add('password-changed', name);
      if (!isDeepStrictEqual(rights, formerRights)) add('rights-changed', name);
    }
  }
  const ofClients = [before.clients, before.anonymous];
  if (!isDeepStrictEqual(ofClients, [after.clients, after.anonymous])) {
    add('rights-changed', 'clients and anonymous');
  }
  if (found.length <= MOST) return found;
  const reason = `and ${found.length - MOST} more changes of users`;
  return [
    ...found.slice(0, MOST),
    { what: 'rights-changed', subject: 'users', by: LOCAL_ADMINISTRATOR, reason },
  ];
}
