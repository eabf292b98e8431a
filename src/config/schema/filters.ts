import { z } from 'zod';
import { duration } from '../../driver-kit/units.ts';
import { type FilterOutConfig, filterOutSchema } from './filter-out.ts';
import { expectation, mapSuchAs, rangeSchema, text, wholeNumber } from './values.ts';

/** One step of a sensor's filter chain; times in milliseconds, `round` in decimals, `calibrate` as [raw, true] twice. */
export type FilterConfig =
  | { readonly offset: number }
  | { readonly multiply: number }
  | { readonly calibrate: readonly [readonly [number, number], readonly [number, number]] }
  | { readonly polynomial: readonly number[] }
  | { readonly clamp: readonly [low: number, high: number] }
  | { readonly round: number }
  | { readonly median: number }
  | { readonly min: number }
  | { readonly max: number }
  | { readonly quantile: { readonly of: number; readonly at: number } }
  | { readonly slidingAverage: number }
  | { readonly exponentialAverage: number }
  | { readonly derivative: number }
  | { readonly integrate: number }
  | { readonly unit: string }
  | { readonly invert: true }
  | { readonly map: Readonly<Record<string, string | number | boolean>> }
  | { readonly deadband: number | { readonly percent: number } }
  | { readonly heartbeat: number }
  | { readonly throttle: number }
  | { readonly throttleAverage: number }
  | { readonly debounce: number }
  | { readonly delayedOn: number }
  | { readonly delayedOff: number }
  | { readonly delayed: { readonly on?: number | undefined; readonly off?: number | undefined } }
  | { readonly timeout: number }
  | { readonly filterOut: FilterOutConfig };

const number = z.number();
const point = z.tuple([number, number], { error: 'a pair [raw, true]' });

const band = 'a number above 0, or percent such as 5%';
const windowSize = wholeNumber(2, 1000);
const fraction = 'a number above 0 and at most 1';

const filterShape = {
  offset: number.optional().describe('Adds this number.'),
  multiply: number.optional().describe('Multiplies by this number.'),
  polynomial: z
    .array(number, { error: 'coefficients such as [0, 1.02, -0.0003]' })
    .min(1)
    .max(10)
    .optional()
    .describe('Correction c0 + c1·x + c2·x² + …, the coefficients in this order.'),
  min: windowSize.optional().describe('Smallest of the last n samples.'),
  max: windowSize.optional().describe('Largest of the last n samples.'),
  quantile: z
    .strictObject(
      {
        of: windowSize.describe('Number of samples.'),
        at: z
          .number({ error: 'a number from 0 to 1' })
          .min(0, { error: 'a number from 0 to 1' })
          .max(1, { error: 'a number from 0 to 1' })
          .describe('Share of the samples below the result: 0.5 is the median.'),
      },
      mapSuchAs('{ of: 20, at: 0.9 }'),
    )
    .optional()
    .describe('Quantile of the last samples: { of: 20, at: 0.9 }.'),
  slidingAverage: windowSize.optional().describe('Mean of the last n samples.'),
  exponentialAverage: z
    .number({ error: fraction })
    .positive({ error: fraction })
    .max(1, { error: fraction })
    .optional()
    .describe(
      'Mean in which the newest sample has this weight and all earlier samples have the rest.',
    ),
  derivative: duration('1ms', '7d')
    .optional()
    .describe('Change per this time, e.g. 1m for degrees per minute.'),
  integrate: duration('1ms', '7d')
    .optional()
    .describe(
      'Sum of value times time, with the time in this unit: 1h turns W into Wh. Continues after a restart.',
    ),
  unit: text('a unit such as Wh or °C/min', /./, 32)
    .optional()
    .describe('Unit of the value after this step.'),
  invert: z.literal(true, { error: 'true' }).optional().describe('Swaps true and false.'),
  map: z
    .record(z.string(), z.union([z.string(), number, z.boolean()]), {
      error: 'a map such as { 0: stopped, 1: running }',
    })
    .optional()
    .describe('Replaces values: { 0: stopped, 1: running }. All other values are uncertain.'),
  throttleAverage: duration('10ms', '7d')
    .optional()
    .describe('Publishes the mean of each interval of this length.'),
  debounce: duration('1ms', '1h')
    .optional()
    .describe('Publishes a change after it has lasted this long.'),
  delayedOn: duration('1ms', '7d')
    .optional()
    .describe('Publishes true after it has lasted this long, false at once.'),
  delayedOff: duration('1ms', '7d')
    .optional()
    .describe('Publishes false after it has lasted this long, true at once.'),
  delayed: z
    .strictObject(
      {
        on: duration('1ms', '7d').optional().describe('How long true must last.'),
        off: duration('1ms', '7d').optional().describe('How long false must last.'),
      },
      mapSuchAs('{ on: 5s, off: 1s }'),
    )
    .refine(({ on, off }) => on !== undefined || off !== undefined, {
      error: 'on, off or both, such as { on: 5s, off: 1s }',
      params: expectation,
    })
    .optional()
    .describe('Publishes true and false after each has lasted its own time: { on: 5s, off: 1s }.'),
  filterOut: filterOutSchema
    .optional()
    .describe(
      'Leaves samples out before later filters use them: filterOut: 85, or { value, above, below, outside, rate, per, quality }.',
    ),
  timeout: duration('100ms', '7d')
    .optional()
    .describe('Publishes bad when no sample came for this long.'),
  median: wholeNumber(3, 99)
    .refine((window) => window % 2 === 1, {
      error: 'an odd number from 3 to 99',
      params: expectation,
    })
    .optional()
    .describe('Median of the last n samples (odd, 3 to 99): removes single spikes.'),
  deadband: z
    .union(
      [
        z.number({ error: band }).positive({ error: band }),
        z
          .string()
          .regex(/^\d+(\.\d+)?%$/, { error: band })
          .transform((text) => ({ percent: Number(text.slice(0, -1)) })),
      ],
      { error: band },
    )
    .optional()
    .describe(
      'Holds back values that differ by less than this, or than e.g. 5%, from the last published one.',
    ),
  heartbeat: duration('100ms', '7d')
    .optional()
    .describe('Publishes at least this often, also values that deadband or throttle hold back.'),
  throttle: duration('10ms', '7d').optional().describe('Publishes at most once in this time.'),
  round: wholeNumber(0, 9).optional().describe('Number of decimals.'),
  calibrate: z
    .tuple([point, point], { error: 'two points [[raw, true], [raw, true]]' })
    .refine(([low, high]) => low[0] !== high[0], {
      error: 'two points [[raw, true], [raw, true]] with different raw values',
      params: expectation,
    })
    .optional()
    .describe('Linear correction through two points [[raw, true], [raw, true]].'),
  clamp: rangeSchema.optional().describe('Publishes values outside [low, high] as uncertain.'),
};

/** The names of all filters. */
export const FILTER_NAMES: readonly string[] = Object.keys(filterShape);

/** The schema of one filter. */
export const filterSchema = z
  .strictObject(filterShape, mapSuchAs('"median: 5"'))
  .check((ctx) => {
    if (ctx.issues.length > 0) return;
    const keys = Object.keys(ctx.value);
    if (keys.length === 1) return;
    const found = keys.length === 0 ? 'no filter' : `${keys.length} filters (${keys.join(', ')})`;
    const message = `found ${found} in one list item, expected one in each: start every filter with its own dash`;
    ctx.issues.push({ code: 'custom', input: ctx.value, message });
  })
  .transform((filter) => filter as FilterConfig)
  .meta({ id: 'filter', minProperties: 1, maxProperties: 1 });
