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

/** What a duration or size may be, both ends included, in the same notation: `{ min: '1ms', max: '1d' }`. */
export interface Limits {
  readonly min?: string;
  readonly max?: string;
}

/** A duration in a config: text such as `10ms` in, milliseconds out. For a default use `.prefault('10ms')`. */
export function duration(limits: Limits = {}) {
  return quantity(DURATION, parseDuration, 'a duration such as 10ms, 1s, 5m, 2h or 7d', limits);
}

/** A size in a config: text such as `64KiB` in, bytes out. For a default use `.prefault('64KiB')`. */
export function size(limits: Limits = {}) {
  return quantity(SIZE, parseSize, 'a size such as 512B, 64KiB, 1MiB or 2GiB', limits);
}

function quantity(
  pattern: RegExp,
  parseText: (text: string) => number | undefined,
  expected: string,
  { min, max }: Limits,
) {
  const least = min === undefined ? undefined : parseText(min);
  const most = max === undefined ? undefined : parseText(max);
  return z
    .string({ error: `expected ${expected}` })
    .regex(pattern, { error: `expected ${expected}`, abort: true })
    .transform((text, context) => {
      const amount = parseText(text) ?? Number.NaN;
      if (least !== undefined && amount < least) {
        context.addIssue({ code: 'custom', message: `expected at least ${min}`, input: text });
      }
      if (most !== undefined && amount > most) {
        context.addIssue({ code: 'custom', message: `expected at most ${max}`, input: text });
      }
      return amount;
    });
}
