import { z } from 'zod';
import { isSecretKey } from '../base/secrets.ts';
import type { FormExplainer } from './advice/element-forms.ts';
import { commented, splitNumber } from './advice/hidden-values.ts';
import { type KeyExplainer, keyAdvisor } from './advice/key-advice.ts';
import { meantValue } from './advice/meant-values.ts';
import { lookAlikes } from './yaml/look-alikes.ts';
import type { Finding, Path } from './yaml/problem.ts';
import type { Source } from './yaml/source.ts';
import { alternatives, didYouMean, didYouMeanNumber } from './yaml/suggestion.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Of so many findings the value that was meant is looked for. */
const MOST_MEANT = 100;

/** A config is read seldom: to compile its schemas takes longer than it saves. */
export const PARSED_ONCE = { jitless: true } as const;

/**
 * Validates a source. The messages of a schema say what was expected. Only those of custom checks are
 * whole sentences, unless they have `params: { expectation: true }`.
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  source: Source,
  explain: KeyExplainer,
  formOf: FormExplainer = () => undefined,
): { value: z.output<Schema> | undefined; findings: readonly Finding[] } {
  const known = new Map<string, readonly string[]>();
  const result = schema.safeParse(source.value, {
    ...PARSED_ONCE,
    reportInput: true,
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') known.set(pathKey(issue.path ?? []), keysOf(issue));
      return expectation(issue);
    },
  });
  if (result.success) return { value: result.data, findings: [] };
  const issues = result.error.issues.flatMap(ofOneForm);
  const advisor = keyAdvisor(schema, source, explain, (at) => known.get(pathKey(at)) ?? []);
  const forms = issues.flatMap(({ path }) => formOf(path) ?? []);
  const keys = issues.flatMap(({ issue, path }) => advisor.unknown(issue, path));
  const values = issues
    .filter(({ issue }) => issue.code !== 'unrecognized_keys')
    .flatMap(({ issue, path }, index): readonly Finding[] => {
      const instead = advisor.insteadOf(path) ?? splitNumber(source, path, 'value');
      if (instead !== undefined) return [instead];
      return [finding({ ...issue, path }, source, index < MOST_MEANT ? schema : undefined)];
    });
  const ofSchema = issues
    .filter(({ issue }) => issue.code !== 'custom')
    .map(({ path }) => pathKey(path));
  return { value: undefined, findings: firstOnly(forms, [...keys, ...values], ofSchema) };
}

/** One finding for each path, and none inside a value that one is about; of an element with a wrong form only that. */
function firstOnly(
  forms: readonly Finding[],
  others: readonly Finding[],
  ofSchema: readonly string[],
): readonly Finding[] {
  const seen = new Set<string>();
  const isNew = ({ path }: Finding): boolean =>
    !seen.has(pathKey(path)) && !!seen.add(pathKey(path));
  const ofForms = forms.filter(isNew);
  const elements = new Set(ofForms.map(({ path }) => pathKey(path.slice(0, 2))));
  const rest = others.filter(({ path }) => !elements.has(pathKey(path.slice(0, 2)))).filter(isNew);
  const found = new Set(ofSchema);
  const whole = new Set(
    rest
      .filter(({ at }) => at === 'value')
      .map(({ path }) => pathKey(path))
      .filter((one) => found.has(one)),
  );
  const outer = rest.filter(
    ({ path }) =>
      !path.some((_, length) => length > 0 && whole.has(pathKey(path.slice(0, length)))),
  );
  return [...ofForms, ...outer];
}

/** An issue as the schema that found it reports it, with its path in the whole source. */
interface PlacedIssue {
  readonly issue: Issue;
  readonly path: Issue['path'];
}

/** Of a value that may have several forms and has one of them: what is wrong with that form. */
function ofOneForm(issue: Issue): PlacedIssue[] {
  const fitting = issue.code === 'invalid_union' ? issue.errors.filter(isOfForm) : [];
  if (fitting.length !== 1) return [{ issue, path: issue.path }];
  return (fitting[0] ?? [])
    .flatMap(ofOneForm)
    .map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
}

/** Whether the value is of the type that the schema expects, and something else is wrong with it. */
function isOfForm(issues: readonly Issue[]): boolean {
  return !issues.some(
    (issue) =>
      issue.path.length === 0 &&
      (issue.code === 'invalid_type' ||
        (issue.code === 'invalid_union' && !issue.errors.some(isOfForm))),
  );
}

function pathKey(path: Path): string {
  return JSON.stringify(path);
}

function keysOf({ inst }: RawIssue): readonly string[] {
  return inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
}

function finding(issue: Issue, source: Source, schema: z.ZodType | undefined): Finding {
  const { path } = issue;
  const whole = issue.code === 'custom' && issue.params?.expectation !== true;
  if (whole) return { path, at: 'value', message: issue.message };
  const expected = `expected ${issue.message.replace(/^(expected|must be) /i, '')}`;
  const written = source.written(path);
  if (written === undefined) return { path, at: 'value', message: `missing, ${expected}` };
  if (written === 'nothing') {
    const section = issue.code === 'invalid_type' && /^(object|array)$/.test(issue.expected);
    const remedy = section && typeof path.at(-1) === 'string' ? ', or no such key at all' : '';
    const message = commented(source, path) ?? `empty, ${expected}${remedy}`;
    return { path, at: 'key', message };
  }
  const secret = path.some((part) => typeof part === 'string' && isSecretKey(part));
  if (secret) return { path, at: 'value', message: `found a value, ${expected}` };
  // YAML reads 0123 as the number 123: the text that was meant is the written one.
  const meant = expected.replace(
    `(did you mean "${issue.input}"?)`,
    `(did you mean "${written}"?)`,
  );
  return {
    path,
    at: 'value',
    message: `found ${written}, ${meant}${more(meant, issue, written, source, schema)}`,
  };
}

/** What else can be said: characters that only look right, and the value that was probably meant. */
function more(
  said: string,
  { path }: Issue,
  written: string,
  source: Source,
  schema: z.ZodType | undefined,
): string {
  const strange = written.startsWith('"') ? lookAlikes(written.slice(1, -1)) : '';
  const template = /^"(\$[A-Za-z_]\w*"$|.*(\$\{\w|\{\{))/.test(written);
  const note = `${strange === '' ? '' : `; ${strange}`}${template ? '; variables are not filled in' : ''}`;
  const filled = /\{\w+\}/.test(written);
  if (/\(did you mean/.test(said) || schema === undefined || template || filled) return note;
  const meant = meantValue(schema, source.value, path);
  return meant === undefined ? note : ` (did you mean ${meant}?)${note}`;
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map (key: value)',
  array: 'a list',
  tuple: 'a list',
  nan: 'a number',
};

/** The expectation of a schema without its own message. */
function expectation(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return ofType(issue.expected, issue.input);
    case 'invalid_value':
      return ofValues(issue.values, issue.input);
    case 'too_small':
      return bound(
        'at least',
        issue.minimum,
        issue.origin,
        issue.inclusive === false ? 'above' : '',
      );
    case 'too_big':
      return bound(
        'at most',
        issue.maximum,
        issue.origin,
        issue.inclusive === false ? 'below' : '',
      );
    case 'invalid_format':
      return issue.pattern ? `text that matches ${issue.pattern}` : `${issue.format}`;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_union':
      return issue.discriminator
        ? undefined
        : alternatives([...new Set(issue.errors.flat().map((one) => one.message))]);
    default:
      return undefined;
  }
}

function ofType(expected: string, input: unknown): string {
  const words = TYPES[expected] ?? expected;
  if (expected === 'number' || expected === 'int') return `${words}${didYouMeanNumber(input)}`;
  if (expected !== 'boolean') return words;
  const yes = /^(yes|y|on|1|true)$/i.test(String(input));
  const no = /^(no|n|off|0|false)$/i.test(String(input));
  return yes || no ? `${words} (did you mean ${yes}?)` : words;
}

function ofValues(values: readonly z.core.util.Primitive[], input: unknown): string {
  const words = values.map(String);
  if (values.length === 1) return `${words[0]}`;
  return `${alternatives(words)}${didYouMean(String(input), words)}`;
}

function bound(words: string, limit: number | bigint, origin: string, strict: string): string {
  const unit = { string: ' characters', array: ' items' }[origin] ?? '';
  return `${unit === '' ? 'a number ' : ''}${unit === '' && !strict ? 'of ' : ''}${strict || words} ${limit}${unit}`;
}
