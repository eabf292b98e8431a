import { randomBytes } from 'node:crypto';
import { chmod, chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type Document, isMap, isSeq, parseDocument, type YAMLMap, YAMLSeq } from 'yaml';
import { formatProblem } from '../config/yaml/problem.ts';
import { readAccess } from './access-file.ts';
import { hashPassword } from './passwords.ts';
import type { Rule } from './rules.ts';
import { scramKeysOf } from './scram.ts';

/** A user as people see it: no hash, no key. */
export interface ListedUser {
  readonly name: string;
  /** How the user can log in; with neither only by a certificate. */
  readonly ways: readonly ('password' | 'SCRAM')[];
  /** Undefined for a user that may do everything except publish under `$SYS`. */
  readonly rules: readonly Rule[] | undefined;
  readonly isAdministrator: boolean;
}

/** What a new user may do; without rules everything except publish under `$SYS`. */
export interface NewUser {
  readonly rules?: readonly Rule[];
  readonly isAdministrator?: boolean;
}

const NEW_FILE = `# The users that may connect to the broker, and what each may do.
users: []
`;
const NAME_FORM = /^\P{Cc}{1,64}$/u;
/** Characters of a password. */
export const SHORTEST_PASSWORD = 8;
/** Of the secret from which users that do not exist get a salt. */
const SECRET_BYTES = 32;

/** The access file, read to change its users; the rest of it, with its comments, stays as it is. */
export class UsersFile {
  readonly #file: string;
  /** Undefined for a file that does not exist. */
  readonly #text: string | undefined;
  readonly #doc: Document;
  readonly #users: YAMLSeq;

  private constructor(file: string, text: string | undefined) {
    this.#file = file;
    this.#text = text;
    this.#doc = parseDocument(text ?? NEW_FILE);
    if (!isSeq(this.#doc.get('users'))) this.#doc.set('users', new YAMLSeq());
    this.#users = this.#doc.get('users') as YAMLSeq;
    this.#users.flow = false;
  }

  /** Reads the file; one that does not exist has no users. Resolves with a sentence if it is wrong. */
  static async open(file: string): Promise<UsersFile | string> {
    const text = await textOf(file);
    if (text !== undefined) {
      const read = await readAccess(file);
      if ('problems' in read) return formatProblem(read.problems[0]!, false);
    }
    return new UsersFile(file, text);
  }

  get list(): ListedUser[] {
    return this.#users.items.filter(isMap).map((one) => ({
      name: String(one.get('name')),
      ways: [
        ...(one.has('password') ? (['password'] as const) : []),
        ...(one.has('scram') ? (['SCRAM'] as const) : []),
      ],
      rules: (one.toJSON() as { rules?: Rule[] }).rules,
      isAdministrator: one.get('config') === 'write',
    }));
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Sets the password, for logins with it and with SCRAM, of a user, or of a new one with these rights. Resolves with a sentence if it is refused. */
  async setPassword(
    name: string,
    password: string,
    { rules, isAdministrator = false }: NewUser = {},
  ): Promise<string | undefined> {
    const mistake = nameMistake(name);
    if (mistake !== undefined) return mistake;
    if (password.length < SHORTEST_PASSWORD) {
      return `expected a password of at least ${SHORTEST_PASSWORD} characters`;
    }
    const proofs = { password: await hashPassword(password), scram: await scramKeysOf(password) };
    const known = this.#find(name);
    if (known) for (const [key, proof] of Object.entries(proofs)) known.set(key, proof);
    else {
      const rights = { ...(rules && { rules }), ...(isAdministrator && { config: 'write' }) };
      this.#users.add(this.#doc.createNode({ name, ...proofs, ...rights }));
    }
    if (!this.#doc.has('scramSecret')) {
      this.#doc.set('scramSecret', randomBytes(SECRET_BYTES).toString('base64'));
    }
    return undefined;
  }

  /** False if there is no such user. */
  remove(name: string): boolean {
    const known = this.#find(name);
    this.#users.items = this.#users.items.filter((one) => one !== known);
    return known !== undefined;
  }

  /**
   * Puts the whole new file in place of the old one, with its owner and mode; a new one belongs to the owner of
   * `neighbour`. Rejects if the file has changed since it was read.
   */
  async save(neighbour: string): Promise<void> {
    if ((await textOf(this.#file)) !== this.#text) {
      throw new Error(`${this.#file} was changed by another program meanwhile: try again`);
    }
    await replace(this.#file, this.#doc.toString(), neighbour);
  }

  #find(name: string): YAMLMap | undefined {
    return this.#users.items.find((one): one is YAMLMap => isMap(one) && one.get('name') === name);
  }
}

/** Why this can't be the name of a user; undefined if it can. */
export function nameMistake(name: string): string | undefined {
  return NAME_FORM.test(name) ? undefined : 'expected a user name of 1 to 64 characters';
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function replace(file: string, text: string, neighbour: string): Promise<void> {
  const before = await stat(file).catch(() => undefined);
  const { uid, gid } = before ?? (await stat(neighbour));
  const next = `${file}.${process.pid}.new`;
  try {
    await writeFile(next, text, { mode: 0o600, flag: 'wx', flush: true });
    if (process.getuid?.() === 0) await chown(next, uid, gid);
    await chmod(next, before ? before.mode & 0o777 : 0o640);
    await rename(next, file);
  } finally {
    await rm(next, { force: true });
  }
}
