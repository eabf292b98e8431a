import { lstat } from 'node:fs/promises';
import { z } from 'zod';
import { ownershipProblem } from '../base/file-ownership.ts';
import { validate } from '../config/findings.ts';
import { byPosition, formatPath, type Problem } from '../config/yaml/problem.ts';
import { parseSource, type Source } from '../config/yaml/source.ts';
import { readText } from '../config/yaml/text-file.ts';
import { PASSWORD_FORM } from './passwords.ts';
import type { Rule } from './rules.ts';
import { SCRAM_FORM } from './scram.ts';
import type { UnprovenRules } from './unproven-rules.ts';

/** The users and clients that may connect, and what they may do. */
export interface AccessRules {
  readonly users: ReadonlyMap<string, User>;
  /** Rules of single client ids, beside those of their users. */
  readonly clients: ReadonlyMap<string, readonly Rule[]>;
  /** Rules of clients without user and certificate; undefined: they are refused. */
  readonly anonymous: readonly Rule[] | undefined;
  /** Gives users that do not exist a salt; undefined if the file has none. */
  readonly scramSecret: Buffer | undefined;
  /** The SCRAM keys of any user; undefined if no user has them. */
  readonly scramExample: string | undefined;
}

export interface User {
  /** As `hashPassword` makes it; without one the user needs a client certificate. */
  readonly password: string | undefined;
  /** As `scramKeysOf` makes them; without them the user can't use SCRAM. */
  readonly scram: string | undefined;
  readonly rules: readonly Rule[];
  /** Whether the user may read and change the config. */
  readonly config: 'write' | undefined;
}

/** A user without rules may do everything except publish on the broker's own topics. */
const EVERYTHING: readonly Rule[] = [
  { topic: '#', allow: 'readwrite' },
  { topic: '$SYS/#', allow: 'read' },
];

const EXPECTED_FILE = 'the access file: "cellgate user add NAME" makes it';
/** 32 bytes in base64. */
const SECRET_FORM = /^[A-Za-z0-9+/]{43}=$/;

const text = (what: string, form: RegExp) => z.string({ error: what }).regex(form, { error: what });

const ruleSchema = z.strictObject({
  topic: text(
    'a topic filter such as robotcell1/#, with %u for the user and %c for the client id',
    /^(?=.{1,1024}$)(?:[^+#/\0]*|\+)(?:\/(?:[^+#/\0]*|\+))*(?:\/#)?$|^#$/s,
  ),
  allow: z.enum(['read', 'write', 'readwrite']),
});
const rulesSchema = z.array(ruleSchema).max(1000, { error: 'at most 1000 rules' });
const nameSchema = text('a name of 1 to 64 characters', /^\P{Cc}{1,64}$/u);

const accessSchema = z.strictObject({
  users: z
    .array(
      z.strictObject({
        name: nameSchema,
        password: text('a hash made by "cellgate user add NAME"', PASSWORD_FORM).optional(),
        scram: text('keys made by "cellgate user add NAME"', SCRAM_FORM).optional(),
        rules: rulesSchema.optional(),
        config: z.literal('write').optional(),
      }),
    )
    .max(10_000, { error: 'at most 10000 users' })
    .prefault([]),
  clients: z
    .array(z.strictObject({ id: nameSchema, rules: rulesSchema }))
    .max(10_000, { error: 'at most 10000 clients' })
    .prefault([]),
  anonymous: z.strictObject({ rules: rulesSchema.optional() }).optional(),
  scramSecret: text('a secret made by "cellgate user add NAME"', SECRET_FORM).optional(),
});

/** Reads and checks an access file; returns the rules or the problem. Does not throw, whatever the file contains. */
export async function readAccess(
  file: string,
): Promise<
  { rules: AccessRules; unproven: readonly UnprovenRules[] } | { problems: readonly Problem[] }
> {
  const whole = (message: string) => ({
    problems: [{ file, line: 1, column: 1, path: 'access', message }],
  });
  const read = await readText(file);
  if (!('text' in read)) {
    const message = read.message.replace('a YAML file', EXPECTED_FILE);
    return { problems: [{ file, path: 'access', ...read, message }] };
  }
  const unsafe = await whyUnsafe(file);
  if (unsafe !== undefined) return whole(unsafe);
  const source = parseSource(read.text);
  if ('problems' in source) return { problems: source.problems.map((one) => ({ file, ...one })) };
  if (source.value === null)
    return whole(
      'the file is empty, expected "users: []" at least: "cellgate user add NAME" writes it',
    );
  const { value, findings } = validate(accessSchema, source, () => undefined);
  const repeated = value ? duplicates(value) : [];
  const problems = [...findings, ...repeated].map(({ path, at, message }) => ({
    file,
    ...source.locate(path, at),
    path: formatPath(path),
    message,
  }));
  if (!value || problems.length > 0)
    return { problems: problems.toSorted(byPosition).slice(0, 100) };
  return {
    rules: {
      users: new Map(
        value.users.map(({ name, password, scram, rules, config }) => [
          name,
          { password, scram, rules: rules ?? EVERYTHING, config },
        ]),
      ),
      clients: new Map(value.clients.map(({ id, rules }) => [id, rules])),
      anonymous: value.anonymous && (value.anonymous.rules ?? EVERYTHING),
      scramSecret:
        value.scramSecret === undefined ? undefined : Buffer.from(value.scramSecret, 'base64'),
      scramExample: value.users.find(({ scram }) => scram !== undefined)?.scram,
    },
    unproven: unprovenRules(value, source).map((one) => ({ file, ...one })),
  };
}

/** The rules by client id, where clients without user and certificate may connect. */
function unprovenRules(
  { clients, anonymous }: z.output<typeof accessSchema>,
  source: Source,
): readonly Omit<UnprovenRules, 'file'>[] {
  if (!anonymous) return [];
  const ofClients = clients.map(({ id, rules }, index) => ({
    place: ['clients', index, 'id'],
    what: `the rules of the client id ${id} (${rules.map(({ topic }) => topic).join(', ')})`,
    instead: `them under users, for a user that this client logs in as (cellgate user add ${id})`,
  }));
  const ofAnonymous = (anonymous.rules ?? []).flatMap(({ topic }, index) => {
    if (!topic.includes('%c')) return [];
    const place = ['anonymous', 'rules', index, 'topic'];
    const instead = 'them under users, for a user that these clients log in as';
    return [{ place, what: `rules with %c such as ${topic}`, instead }];
  });
  return [...ofClients, ...ofAnonymous].slice(0, 100).map(({ place, ...words }) => ({
    ...source.locate(place, 'value'),
    path: formatPath(place),
    ...words,
  }));
}

/** A user who can write this file can give themselves access. */
async function whyUnsafe(file: string): Promise<string | undefined> {
  try {
    if ((await lstat(file)).isSymbolicLink()) {
      return `${file} is a symbolic link, expected the file itself: name the place that it points to`;
    }
    return await ownershipProblem(file);
  } catch (error) {
    return `could not check ${file}: ${(error as Error).message}`;
  }
}

function duplicates({ users, clients }: z.output<typeof accessSchema>) {
  const found = (list: 'users' | 'clients', key: 'name' | 'id', names: readonly string[]) =>
    names.flatMap((name, index) =>
      names.indexOf(name) === index
        ? []
        : [
            {
              path: [list, index, key],
              at: 'value' as const,
              message: `${name} is in this file twice, expected it once`,
            },
          ],
    );
  return [
    ...found(
      'users',
      'name',
      users.map(({ name }) => name),
    ),
    ...found(
      'clients',
      'id',
      clients.map(({ id }) => id),
    ),
  ];
}
