import { z } from 'zod';

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/;

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Milliseconds of a text such as `10ms`, `1.5s`, `5m`, `2h` or `7d`; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION, MILLISECONDS);
}

/** Bytes, rounded to whole ones, of a text such as `512B`, `64KiB`, `1MiB` or `1.5GiB`; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const bytes = parse(text, SIZE, BYTES);
  return bytes === undefined ? undefined : Math.round(bytes);
}

function parse(
  text: string,
  pattern: RegExp,
  factors: Readonly<Record<string, number>>,
): number | undefined {
  const match = pattern.exec(text);
  const factor = factors[match?.[2] ?? ''];
  const amount = Number(match?.[1]);
  return factor === undefined || !Number.isFinite(amount) ? undefined : amount * factor;
}

/**
 * A duration in a config, from `min` to `max` as written there (`10ms`): text in, milliseconds out.
 * A default is written the same way: `.prefault('10ms')`. The message says what was expected.
 */
export function duration(min: string, max: string) {
  const expected = `a duration of ${min} to ${max}, written like 10ms, 1s, 5m, 2h or 7d`;
  const isShort = Number(parseDuration(min)) < SHORT_MS && Number(parseDuration(max)) <= LONG_MS;
  const meant = (input: unknown) => meantDuration(input, isShort);
  return quantity('duration', expected, DURATION, parseDuration, meant, min, max);
}

/** A size in a config, from `min` to `max` as written there (`64KiB`): text in, bytes out. */
export function size(min: string, max: string) {
  const expected = `a size of ${min} to ${max}, written like 64KiB, 1MiB or 2GiB`;
  return quantity('size', expected, SIZE, parseSize, meantSize, min, max);
}

function quantity(
  title: string,
  expected: string,
  pattern: RegExp,
  parseText: (text: string) => number | undefined,
  meant: (input: unknown) => readonly string[],
  min: string,
  max: string,
) {
  const amount = (text: string): number => parseText(text) ?? Number.NaN;
  const fits = (text: string): boolean =>
    amount(text) >= amount(min) && amount(text) <= amount(max);
  const error = ({ input }: { input?: unknown }): string => {
    const words = meant(input).filter(fits);
    return words.length === 0 ? expected : `${expected} (did you mean ${words.join(' or ')}?)`;
  };
  return z
    .string({ error })
    .regex(pattern, { error, abort: true })
    .refine(fits, { error: expected, params: { expectation: true } })
    .transform(amount)
    .meta({ title });
}

const DURATION_WORDS: readonly (readonly [unit: string, words: RegExp])[] = [
  ['ms', /^(ms|msecs?|millis|milliseconds?)$/],
  ['s', /^(|s|secs?|seconds?)$/],
  ['m', /^(m|mins?|minutes?)$/],
  ['h', /^(h|hrs?|hours?)$/],
  ['d', /^(d|days?)$/],
];

/** Between these, as for the debounce of a contact, a number alone is often one of milliseconds. */
const SHORT_MS = 10;
const LONG_MS = 3_600_000;

/** The probable meanings of a slip such as `5`, `10 ms` or `2min`; a number alone may be either of two. */
function meantDuration(input: unknown, isShort: boolean): readonly string[] {
  const [, number, word = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(input)) ?? [];
  if (number === undefined) return [];
  if (word === '' && (isShort || Number(number) >= 100)) return [`${number}ms`, `${number}s`];
  const unit = DURATION_WORDS.find(([, words]) => words.test(word.toLowerCase()))?.[0];
  return unit === undefined ? [] : [`${number}${unit}`];
}

/** The probable meaning of a slip such as `1024`, `64k`, `1MB` or `1TiB`. */
function meantSize(input: unknown): readonly string[] {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?(b|bytes?)?$/i.exec(String(input));
  if (!match) return [];
  const [, number = '', prefix = ''] = match;
  if (prefix === '') return [`${number}B`];
  if (/t/i.test(prefix)) return [`${Number(number) * 1024}GiB`];
  return [`${number}${prefix.toUpperCase()}iB`];
}
