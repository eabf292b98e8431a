import { z } from 'zod';

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
const DURATION = /^\d+(\.\d+)?(ms|s|m|h|d)$/;
const SIZE = /^\d+(\.\d+)?(B|KiB|MiB|GiB)$/;

/** `10ms`, `1s`, `5m`, `2h` or `7d` in milliseconds; NaN for anything else. */
export function toMilliseconds(text: string): number {
  return toNumber(text, DURATION, MS);
}

/** `512B`, `64KiB`, `1MiB` or `1GiB` in bytes; NaN for anything else. */
export function toBytes(text: string): number {
  return toNumber(text, SIZE, BYTES);
}

function toNumber(text: string, pattern: RegExp, units: Readonly<Record<string, number>>): number {
  if (!pattern.test(text)) return Number.NaN;
  const unit = /[A-Za-z]+$/.exec(text)![0];
  return Math.round(Number.parseFloat(text) * units[unit]!);
}

/** A duration of `min` to `max` (as written, e.g. `10ms`); comes out in milliseconds. */
export function duration(min: string, max: string) {
  const expected = `a duration of ${min} to ${max} such as 500ms, 10s, 5m, 2h or 7d`;
  return quantity(expected, DURATION, 'duration', toMilliseconds, min, max, durationGuess);
}

/** A size of `min` to `max` (as written, e.g. `64KiB`); comes out in bytes. */
export function size(min: string, max: string) {
  const expected = `a size of ${min} to ${max} such as 64KiB, 1MiB or 1GiB`;
  return quantity(expected, SIZE, 'size', toBytes, min, max, sizeGuess);
}

function quantity(
  expected: string,
  pattern: RegExp,
  title: string,
  parse: (text: string) => number,
  min: string,
  max: string,
  guess: (input: unknown) => string | undefined,
) {
  const error = (issue: { input?: unknown }): string => {
    const meant = guess(issue.input);
    const useful = meant && parse(meant) >= parse(min) && parse(meant) <= parse(max);
    return useful ? `${expected} (did you mean ${meant}?)` : expected;
  };
  return z
    .string({ error })
    .regex(pattern, { error, abort: true })
    .refine((text) => parse(text) >= parse(min) && parse(text) <= parse(max), {
      error: expected,
      params: expectation,
    })
    .transform(parse)
    .meta({ title });
}

const UNIT_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(ms|msecs?|millis|milliseconds?)$/, 'ms'],
  [/^(s|secs?|seconds?)$/, 's'],
  [/^(m|mins?|minutes?)$/, 'm'],
  [/^(h|hrs?|hours?)$/, 'h'],
  [/^(d|days?)$/, 'd'],
];

function durationGuess(input: unknown): string | undefined {
  if (typeof input === 'number') return `${input}s`;
  const parts = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(input));
  const word = parts?.[2]?.toLowerCase() ?? '';
  const unit = word === '' ? 's' : UNIT_WORDS.find(([pattern]) => pattern.test(word))?.[1];
  return parts && unit ? `${parts[1]}${unit}` : undefined;
}

function sizeGuess(input: unknown): string | undefined {
  if (typeof input === 'number') return `${input}B`;
  const parts = /^(\d+(?:\.\d+)?)\s*([kmg]?)i?(b|bytes?)?$/i.exec(String(input));
  if (!parts) return undefined;
  const prefix = parts[2] ? `${parts[2].toUpperCase()}i` : '';
  return `${parts[1]}${prefix}B`;
}

/** A whole number of `min` to `max`. */
export function wholeNumber(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** Marks a check whose message is what was expected, not a whole sentence. */
export const expectation = { expectation: true };

/** Text of at most `maxBytes` without control characters or spaces at its ends. */
export function text(expected: string, pattern: RegExp, maxBytes: number) {
  const error = ({ input }: { input?: unknown }): string => {
    const bare = typeof input === 'number' || typeof input === 'boolean';
    return bare && pattern.test(`${input}`) ? `${expected} (did you mean "${input}"?)` : expected;
  };
  return z
    .string({ error })
    .regex(pattern, { error, abort: true })
    .refine((word) => Buffer.byteLength(word) <= maxBytes && !/\p{Cc}|^\s|\s$/u.test(word), {
      error,
      params: expectation,
    });
}
