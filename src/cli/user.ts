import { randomBytes } from 'node:crypto';
import { chmod, chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { isMap, isSeq, parseDocument, type YAMLMap, YAMLSeq } from 'yaml';
import { readAccess } from '../access/access-file.ts';
import { hashPassword } from '../access/passwords.ts';
import { scramKeysOf } from '../access/scram.ts';
import { formatProblem } from '../config/yaml/problem.ts';
import { parseSource } from '../config/yaml/source.ts';
import { readText } from '../config/yaml/text-file.ts';
import { type ConfigOption, configFile } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** Where a password comes from: never from an argument, which every user of the machine can see. */
export interface PasswordSource {
  /** Read twice from a terminal; one line if standard input is not a terminal. */
  password(user: string): Promise<string>;
}

const NEW_FILE = `# The users that may connect to the broker, and what each may do.
users: []
`;
/** Characters of a password. */
export const SHORTEST_PASSWORD = 8;
/** Of the secret from which users that do not exist get a salt. */
const SECRET_BYTES = 32;

/** Adds, removes or lists users in the access file; 0 when done, 1 with a sentence when not. */
export async function user(
  action: 'add' | 'remove' | 'list',
  name: string | undefined,
  options: ConfigOption,
  io: Io,
  source: PasswordSource,
): Promise<number> {
  const fail = (sentence: string): number => {
    io.stderr.write(`${sentence}\n`);
    return EXIT.trouble;
  };
  const config = path.resolve(io.cwd, configFile(options, io.env));
  const file = await accessFile(config);
  if (file === undefined) {
    return fail(`${config} names no access file: set broker.access, for example to access.yaml`);
  }
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return NEW_FILE;
    throw error;
  });
  if (text !== NEW_FILE) {
    const read = await readAccess(file);
    if ('problems' in read) return fail(formatProblem(read.problems[0]!, false));
  }
  const doc = parseDocument(text);
  if (!isSeq(doc.get('users'))) doc.set('users', new YAMLSeq());
  const users = doc.get('users') as YAMLSeq;
  users.flow = false;
  const find = (): YAMLMap | undefined =>
    users.items.find((one): one is YAMLMap => isMap(one) && one.get('name') === name);

  if (action === 'list') {
    for (const one of users.items) {
      if (!isMap(one)) continue;
      const ways = [one.has('password') && 'password', one.has('scram') && 'SCRAM'];
      const how = ways.filter(Boolean).join(', ') || 'certificate only';
      io.stdout.write(`${String(one.get('name'))}  ${how}\n`);
    }
    return EXIT.ok;
  }
  const known = find();
  if (action === 'remove') {
    if (!known) return fail(`${file} has no user ${name}`);
    users.items = users.items.filter((one) => one !== known);
    await replace(file, doc.toString(), config);
    io.stdout.write(`${name} was removed; a running gateway closes its connections\n`);
    return EXIT.ok;
  }
  if (!/^\P{Cc}{1,64}$/u.test(name ?? ''))
    return fail('expected a user name of 1 to 64 characters');
  let password: string;
  try {
    password = await source.password(name ?? '');
  } catch (error) {
    return fail((error as Error).message);
  }
  if (password.length < SHORTEST_PASSWORD)
    return fail(`expected a password of at least ${SHORTEST_PASSWORD} characters`);
  const proofs = { password: await hashPassword(password), scram: await scramKeysOf(password) };
  if (known) for (const [key, proof] of Object.entries(proofs)) known.set(key, proof);
  else users.add(doc.createNode({ name, ...proofs }));
  if (!doc.has('scramSecret')) {
    doc.set('scramSecret', randomBytes(SECRET_BYTES).toString('base64'));
  }
  await replace(file, doc.toString(), config);
  io.stdout.write(
    known
      ? `the password of ${name} was changed\n`
      : `${name} may connect, publish and subscribe; give it rules in ${file} to allow less\n`,
  );
  return EXIT.ok;
}

/** The access file that a config names, even if the rest of the config is not valid yet. */
async function accessFile(config: string): Promise<string | undefined> {
  const read = await readText(config);
  if (!('text' in read)) throw new Error(`${config}: ${read.message}`);
  const source = parseSource(read.text);
  if ('problems' in source) throw new Error(`${config}: ${source.problems[0]?.message}`);
  const { broker } = (source.value ?? {}) as { broker?: { access?: unknown } | null };
  const file = broker?.access;
  return typeof file === 'string' ? path.resolve(path.dirname(config), file) : undefined;
}

/** Puts a whole new file in place of the old one, with its owner and mode; a new one belongs to the config's owner. */
async function replace(file: string, text: string, config: string): Promise<void> {
  const before = await stat(file).catch(() => undefined);
  const { uid, gid } = before ?? (await stat(config));
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

/** The terminal, or one line from standard input. */
export const askForPassword: PasswordSource = {
  async password(name) {
    if (process.stdin.isTTY !== true) {
      const lines = createInterface({ input: process.stdin });
      for await (const line of lines) return line;
      throw new Error('no password on standard input');
    }
    const first = await ask(`Password for ${name}: `);
    if ((await ask('Again: ')) !== first) throw new Error('the two passwords are not the same');
    return first;
  },
};

/** Shows the prompt but not the typed characters. */
async function ask(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
