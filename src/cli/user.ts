import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { nameMistake, UsersFile } from '../access/users-file.ts';
import { parseSource } from '../config/yaml/source.ts';
import { readText } from '../config/yaml/text-file.ts';
import { type ConfigOption, configFile } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** Where a password comes from: never from an argument, which every user of the machine can see. */
export interface PasswordSource {
  /** Read twice from a terminal; one line if standard input is not a terminal. */
  password(user: string): Promise<string>;
}

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
  const named = await accessFile(config);
  if ('reason' in named) return fail(named.reason);
  const { file } = named;
  const users = await UsersFile.open(file);
  if (typeof users === 'string') return fail(users);
  if (action === 'list') {
    for (const { name: listed, ways } of users.list) {
      io.stdout.write(`${listed}  ${ways.join(', ') || 'certificate only'}\n`);
    }
    return EXIT.ok;
  }
  if (action === 'remove') {
    if (!users.remove(name ?? '')) return fail(`${file} has no user ${name}`);
    await users.save(config);
    io.stdout.write(`${name} was removed; a running gateway closes its connections\n`);
    return EXIT.ok;
  }
  const mistake = nameMistake(name ?? '');
  if (mistake !== undefined) return fail(mistake);
  let password: string;
  try {
    password = await source.password(name ?? '');
  } catch (error) {
    return fail((error as Error).message);
  }
  const isKnown = users.has(name ?? '');
  const refused = await users.setPassword(name ?? '', password);
  if (refused !== undefined) return fail(refused);
  await users.save(config);
  io.stdout.write(
    isKnown
      ? `the password of ${name} was changed\n`
      : `${name} may connect, publish and subscribe; give it rules in ${file} to allow less\n`,
  );
  return EXIT.ok;
}

/** The access file that a config names, even if the rest of the config is not valid yet. */
async function accessFile(
  config: string,
): Promise<{ readonly file: string } | { readonly reason: string }> {
  const read = await readText(config);
  const source = 'text' in read ? parseSource(read.text) : { problems: [read] };
  if ('problems' in source) {
    const [problem] = source.problems;
    return { reason: `${config}:${problem?.line}:${problem?.column}: ${problem?.message}` };
  }
  const { broker } = (source.value ?? {}) as { broker?: { access?: unknown } | null };
  const file = broker?.access;
  return typeof file === 'string'
    ? { file: path.resolve(path.dirname(config), file) }
    : {
        reason: `${config} names no access file: set broker.access, for example to access.yaml`,
      };
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
