import { stringify } from 'yaml';
import type { z } from 'zod';
import { isSecretKey, maskUrls } from '../../base/secrets.ts';
import type { Path } from '../yaml/problem.ts';
import { otherForms } from './other-forms.ts';

const MOST_TRIED = 60;
/** A longer suggestion is not read. */
const LONGEST = 80;

/** The first value that may have been meant and that the schema accepts instead of the wrong one; as YAML in one line. */
export function meantValue(schema: z.ZodType, value: unknown, path: Path): string | undefined {
  if (path.length === 0) return undefined;
  const given = valueAt(value, path);
  const tried = new Set([JSON.stringify(given)]);
  const key = String(path.findLast((part) => typeof part === 'string') ?? '');
  for (const one of otherForms(given, key)) {
    const written = JSON.stringify(one);
    if (tried.has(written) || tried.size > MOST_TRIED) continue;
    tried.add(written);
    if (fits(schema, value, path, one)) return inYaml(one, path);
  }
  return undefined;
}

/** Tries a value alone: other elements of the lists around it take no part. */
function fits(schema: z.ZodType, value: unknown, path: Path, instead: unknown): boolean {
  const { value: whole, path: place } = pruned(value, path, instead);
  const result = schema.safeParse(whole);
  if (result.success) return true;
  return !result.error.issues.some((issue) => touches(issue, [], place));
}

/** Whether an issue, or one of those of a union, is about the place or what is inside it. */
function touches(issue: z.core.$ZodIssue, before: Path, place: Path): boolean {
  const path = [...before, ...issue.path];
  const common = Math.min(path.length, place.length);
  if (!place.slice(0, common).every((part, index) => part === path[index])) return false;
  if (path.length >= place.length) return true;
  if (issue.code !== 'invalid_union') return false;
  return (
    issue.errors.length === 0 ||
    issue.errors.some((issues) => issues.some((one) => touches(one, path, place)))
  );
}

function pruned(
  value: unknown,
  [key, ...rest]: Path,
  instead: unknown,
): { value: unknown; path: Path } {
  if (key === undefined) return { value: instead, path: [] };
  if (Array.isArray(value)) {
    const inner = pruned(value[Number(key)], rest, instead);
    // The items of a pair belong together; the elements of other lists are maps.
    const whole = typeof value[Number(key)] !== 'object' || Array.isArray(value[Number(key)]);
    if (!whole) return { value: [inner.value], path: [0, ...inner.path] };
    return { value: value.with(Number(key), inner.value), path: [key, ...inner.path] };
  }
  const inner = pruned((value as Record<PropertyKey, unknown>)[key], rest, instead);
  return { value: { ...(value as object), [key]: inner.value }, path: [key, ...inner.path] };
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (one, part) => (one as Record<PropertyKey, unknown> | undefined)?.[part],
    value,
  );
}

/** As the config would have it: addresses of chips in hex. Undefined for what must not be printed. */
function inYaml(value: unknown, path: Path): string | undefined {
  if (path.at(-1) === 'address' && typeof value === 'number') return `0x${value.toString(16)}`;
  const text = stringify(value, {
    collectionStyle: 'flow',
    lineWidth: 0,
    singleQuote: true,
  }).trim();
  const said = text.replaceAll(/\[ (?=\S)/g, '[').replaceAll(/(?<=\S) \]/g, ']');
  const keys = [...text.matchAll(/([\w-]+)["']?:/g)].map(([, key = '']) => key);
  const secret = typeof value === 'object' && keys.some(isSecretKey);
  return secret || maskUrls(said) !== said || said.includes('\n') || said.length > LONGEST
    ? undefined
    : said;
}
