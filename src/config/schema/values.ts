import { z } from 'zod';
import { didYouMeanNumber } from '../yaml/suggestion.ts';

/** Marks a check whose message says only what was expected; it is not a whole sentence. */
export const expectation = { expectation: true };

/** A whole number of `min` to `max`. */
export function wholeNumber(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  const error = ({ input }: { input?: unknown }): string => `${expected}${didYouMeanNumber(input)}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** Two numbers, the lower one first. */
export const rangeSchema = z
  .tuple([z.number(), z.number()], { error: 'two numbers [low, high]' })
  .refine(([low, high]) => low < high, {
    error: '[low, high] with low below high',
    params: expectation,
  });

/**
 * Text of at most `maxBytes` without control characters or spaces at its ends.
 * `explain` may say more about a text that does not match `pattern`.
 */
export function text(
  expected: string,
  pattern: RegExp,
  maxBytes: number,
  explain: (input: string) => string | undefined = () => undefined,
) {
  const error = ({ input }: { input?: unknown }): string => {
    if (typeof input === 'string') return explain(input) ?? expected;
    const bare =
      typeof input === 'number' || (typeof input === 'boolean' && pattern.source !== '.');
    return bare && pattern.test(`${input}`) ? `${expected} (did you mean "${input}"?)` : expected;
  };
  return z
    .string({ error })
    .regex(pattern, { error, abort: true })
    .refine((word) => Buffer.byteLength(word) <= maxBytes, {
      error: `at most ${maxBytes} bytes`,
      params: expectation,
      abort: true,
    })
    .refine((word) => !/[\p{Cc}\p{Cs}]|^\s|\s$/u.test(word), {
      error: 'no control character, no space at either end',
      params: expectation,
    });
}

/** The path of a file, as the config has it. */
export const fileSchema = text('the path of a file', /./, 4096);

/** The error for a value that is no map; other problems of the map keep their own messages. */
export function mapSuchAs(example: string) {
  return {
    error: (issue: { code?: string }): string | undefined =>
      issue.code === 'invalid_type' ? `a map such as ${example}` : undefined,
  };
}
