import { z } from 'zod';
import { isSecretKey } from '../base/secrets.ts';
import type { Finding, Path } from './yaml/problem.ts';
import type { Source } from './yaml/source.ts';
import { alternatives, didYouMean, didYouMeanNumber } from './yaml/suggestion.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** A better message for an unknown key, or undefined. */
export type KeyExplainer = (path: Path, key: string) => string | undefined;

/**
 * Validates a source. The messages of a schema say what was expected. Only those of custom checks are
 * whole sentences, unless they have `params: { expectation: true }`.
 */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  source: Source,
  explain: KeyExplainer,
): { value: z.output<Schema> | undefined; findings: readonly Finding[] } {
  const known = new Map<string, readonly string[]>();
  const result = schema.safeParse(source.value, {
    reportInput: true,
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') known.set(pathKey(issue.path ?? []), keysOf(issue));
      return expectation(issue);
    },
  });
  if (result.success) return { value: result.data, findings: [] };
  const findings = result.error.issues.flatMap(ofOneForm).flatMap(({ issue, path }): Finding[] => {
    if (issue.code !== 'unrecognized_keys') return [finding({ ...issue, path }, source)];
    const candidates = known.get(pathKey(issue.path)) ?? [];
    return issue.keys.map((key) => ({
      path: [...path, key],
      at: 'key',
      message: explain(path, key) ?? unknownKey(key, candidates),
    }));
  });
  const seen = new Set<string>();
  const first = findings.filter(({ path }) => !seen.has(pathKey(path)) && seen.add(pathKey(path)));
  return { value: undefined, findings: first };
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

function unknownKey(key: string, candidates: readonly string[]): string {
  const meant = didYouMean(key, candidates);
  return `unknown key${meant === '' ? `, expected ${alternatives(candidates)}` : meant}`;
}

function finding(issue: Issue, source: Source): Finding {
  const { path } = issue;
  const whole = issue.code === 'custom' && issue.params?.expectation !== true;
  if (whole) return { path, at: 'value', message: issue.message };
  const expected = `expected ${issue.message.replace(/^(expected|must be) /i, '')}`;
  const written = source.written(path);
  if (written === undefined) return { path, at: 'value', message: `missing, ${expected}` };
  if (written === 'nothing') {
    const section = issue.code === 'invalid_type' && /^(object|array)$/.test(issue.expected);
    const remedy = section && typeof path.at(-1) === 'string' ? ', or no such key at all' : '';
    return { path, at: 'key', message: `empty, ${expected}${remedy}` };
  }
  // YAML reads 0123 as the number 123: the text that was meant is the written one.
  const meant = expected.replace(
    `(did you mean "${issue.input}"?)`,
    `(did you mean "${written}"?)`,
  );
  const secret = path.some((part) => typeof part === 'string' && isSecretKey(part));
  return { path, at: 'value', message: `found ${secret ? 'a value' : written}, ${meant}` };
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
