import { z } from 'zod';
import { duration } from '../units.ts';
import { expectation, mapSuchAs, wholeNumber } from './values.ts';

/** One step of a sensor's filter chain; times in milliseconds, `round` in decimals, `calibrate` as [raw, true] twice. */
export type FilterConfig =
  | { readonly median: number }
  | { readonly deadband: number }
  | { readonly heartbeat: number }
  | { readonly throttle: number }
  | { readonly round: number }
  | { readonly calibrate: readonly [readonly [number, number], readonly [number, number]] }
  | { readonly clamp: readonly [low: number, high: number] };

const number = z.number();
const point = z.tuple([number, number], { error: 'a pair [raw, true]' });

const filterShape = {
  median: wholeNumber(3, 99)
    .refine((window) => window % 2 === 1, {
      error: 'an odd number from 3 to 99',
      params: expectation,
    })
    .optional()
    .describe('Median of the last n samples (odd, 3 to 99): takes out single spikes.'),
  deadband: z
    .number({ error: 'a number above 0' })
    .positive({ error: 'a number above 0' })
    .optional()
    .describe('Holds back values that differ less than this from the last one published.'),
  heartbeat: duration('100ms', '7d')
    .optional()
    .describe('Publishes at least this often, also what deadband or throttle hold back.'),
  throttle: duration('10ms', '7d').optional().describe('Publishes at most once in this time.'),
  round: wholeNumber(0, 9).optional().describe('Digits after the decimal point.'),
  calibrate: z
    .tuple([point, point], { error: 'two points [[raw, true], [raw, true]]' })
    .refine(([low, high]) => low[0] !== high[0], {
      error: 'two points [[raw, true], [raw, true]] with different raw values',
      params: expectation,
    })
    .optional()
    .describe('Linear correction through two points [[raw, true], [raw, true]].'),
  clamp: z
    .tuple([number, number], { error: 'two numbers [low, high]' })
    .refine(([low, high]) => low < high, {
      error: '[low, high] with low below high',
      params: expectation,
    })
    .optional()
    .describe('Publishes values outside [low, high] as uncertain.'),
};

/** The schema of one filter. */
export const filterSchema = z
  .strictObject(filterShape, mapSuchAs('"median: 5"'))
  .check((ctx) => {
    if (ctx.issues.length > 0) return;
    const keys = Object.keys(ctx.value);
    if (keys.length === 1) return;
    const found = keys.length === 0 ? 'no filter' : `${keys.length} filters (${keys.join(', ')})`;
    const message = `found ${found} in one list item, expected one in each: start every filter with a dash of its own`;
    ctx.issues.push({ code: 'custom', input: ctx.value, message });
  })
  .transform((filter) => filter as FilterConfig)
  .meta({ id: 'filter', minProperties: 1, maxProperties: 1 });
