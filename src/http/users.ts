import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { Rule } from '../access/rules.ts';
import { type ListedUser, type NewUser, UsersFile } from '../access/users-file.ts';
import { createMutex } from '../base/mutex.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';
import { readJson } from './json-body.ts';
import type { Visitor } from './login.ts';

export interface UsersParts {
  readonly cell: string;
  readonly access: Pick<Access, 'file' | 'mayWriteConfig' | 'changeFile'>;
  readonly log: Logger;
}

/** What a new user may do: read the cell and the state of the gateway, also write to the cell, everything, also manage users. */
export const RIGHTS = ['read', 'operate', 'all', 'administrator'] as const;

interface UsersRequest {
  readonly method: string;
  body(mostBytes: number): Promise<Buffer | undefined>;
}

/** A change of the users, as it is sent. */
interface Change {
  readonly action: unknown;
  readonly name: string;
  readonly password: string;
  readonly rights: unknown;
}

interface Author {
  readonly by: string;
  readonly address: string;
}

const LONGEST_BODY = 4096;
const LONGEST_PASSWORD = 256;
const NO_RIGHT = 'This user needs config: write in the access file to see and change users.';

/** The users of the access file, for those with `config: write`: the same as `cellgate user`. */
export function createUsers(parts: UsersParts) {
  const { access } = parts;
  // One change after the other: each begins with the file that the one before has written.
  const mutex = createMutex();
  return async (request: UsersRequest, visitor: Visitor): Promise<Answer> => {
    const { user } = visitor;
    const { file } = access;
    if (user === undefined || file === undefined || !access.mayWriteConfig(user)) {
      return textAnswer(403, NO_RIGHT);
    }
    if (request.method !== 'POST') {
      const users = await UsersFile.open(file);
      return typeof users === 'string' ? textAnswer(409, users) : jsonAnswer(listOf(users));
    }
    const body = await readJson(request.body, LONGEST_BODY);
    if (typeof body === 'string') return textAnswer(400, body);
    const { action, name, password = '', rights } = body;
    if (typeof name !== 'string' || typeof password !== 'string') {
      return textAnswer(400, 'Send {"action": "…", "name": "…", "password": "…"}.');
    }
    const by = { by: user, address: visitor.address };
    return mutex(() => change(file, { action, name, password, rights }, by, parts));
  };
}

function listOf({ list }: UsersFile): { readonly users: readonly ListedUser[] } {
  return { users: list };
}

async function change(
  file: string,
  asked: Change,
  { by, address }: Author,
  { cell, log, access }: UsersParts,
): Promise<Answer> {
  const users = await UsersFile.open(file);
  if (typeof users === 'string') return textAnswer(409, users);
  const refused = await apply(users, asked, by, cell);
  if (refused !== undefined) return textAnswer(409, refused);
  try {
    await access.changeFile({ by, address }, () => users.save(file));
  } catch (error) {
    log.error({ err: error, by }, 'the access file can not be changed from the page');
    return textAnswer(409, `${reasonOf(error)} Use cellgate user on the gateway.`);
  }
  const { action, name } = asked;
  log.info({ action, name, by, address }, 'a user was changed at the page');
  return jsonAnswer(listOf(users));
}

/** Applies the change to what was read; resolves with a sentence if it is refused. */
async function apply(
  users: UsersFile,
  { action, name, password, rights }: Change,
  by: string,
  cell: string,
): Promise<string | undefined> {
  if (password.length > LONGEST_PASSWORD) {
    return `expected a password of at most ${LONGEST_PASSWORD} characters`;
  }
  const isKnown = users.has(name);
  if (action === 'add') {
    if (isKnown) return `there is a user ${name} already`;
    const chosen = RIGHTS.find((one) => one === rights);
    if (chosen === undefined) return `rights are one of ${RIGHTS.join(', ')}`;
    return users.setPassword(name, password, newUser(chosen, cell));
  }
  if (!isKnown) return `there is no user ${name}`;
  if (action === 'password') return users.setPassword(name, password);
  if (action !== 'remove') return 'action is one of add, password, remove';
  if (name === by) return 'a user can not remove itself';
  users.remove(name);
  const isLast = !users.list.some(({ isAdministrator }) => isAdministrator);
  return isLast ? 'this is the last user with config: write' : undefined;
}

function newUser(rights: (typeof RIGHTS)[number], cell: string): NewUser {
  if (rights === 'all') return {};
  if (rights === 'administrator') return { isAdministrator: true };
  const ofCell: Rule = { topic: `${cell}/#`, allow: rights === 'read' ? 'read' : 'readwrite' };
  return { rules: [ofCell, { topic: '$SYS/#', allow: 'read' }] };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const isRefused = code !== undefined && ['EACCES', 'EPERM', 'EROFS'].includes(code);
  return isRefused ? 'The gateway may not write the access file.' : `${message}.`;
}
