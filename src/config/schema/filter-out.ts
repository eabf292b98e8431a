import { z } from 'zod';
import { duration } from '../../driver-kit/units.ts';
import { expectation, mapSuchAs, rangeSchema } from './values.ts';

/** Which samples `filterOut` leaves out: those that one of its keys names. `rate` is the largest change in `per` milliseconds. */
export interface FilterOutConfig {
  readonly value?: readonly (number | boolean | string)[] | undefined;
  readonly above?: number | undefined;
  readonly below?: number | undefined;
  readonly outside?: readonly [low: number, high: number] | undefined;
  readonly rate?: number | undefined;
  readonly per: number;
  readonly quality?: 'uncertain' | undefined;
}

const number = z.number();
const expected = 'a value such as 85, or a map such as { outside: [-40, 85] }';
const scalar = z.union([z.number(), z.boolean(), z.string()], { error: 'a value such as 85' });
const quality = 'uncertain; a bad sample always passes, as its value is not known';
const rate = 'a number above 0';

const mapSchema = z
  .strictObject(
    {
      value: z
        .union([scalar, z.array(scalar).min(1).max(20)], { error: 'a value or a list of values' })
        .optional()
        .describe('This value, or each value of a list.'),
      above: number.optional().describe('Values above this number.'),
      below: number.optional().describe('Values below this number.'),
      outside: rangeSchema.optional().describe('Values outside [low, high].'),
      rate: z
        .number({ error: rate })
        .positive({ error: rate })
        .optional()
        .describe('Values that differ by more than this in the time `per` from the one before.'),
      per: duration('1ms', '7d').prefault('1s').describe('The time of `rate`.'),
      quality: z
        .literal('uncertain', { error: quality })
        .optional()
        .describe('Samples that the driver reports as uncertain.'),
    },
    mapSuchAs('{ outside: [-40, 85] }'),
  )
  .refine((map) => Object.keys(map).some((key) => key !== 'per'), {
    error: 'value, above, below, outside, rate or quality',
    params: expectation,
  })
  .refine(({ above = Infinity, below = -Infinity }) => above >= below, {
    error: 'above to be at least below, as all values are left out otherwise',
    params: expectation,
  });

/** The schema of `filterOut`: a value, or a map of what is left out. */
export const filterOutSchema = z
  .union([scalar, mapSchema], { error: expected })
  .transform((given): FilterOutConfig => {
    if (typeof given !== 'object') return { value: [given], per: 1000 };
    const { value, ...others } = given;
    if (value === undefined) return others;
    return { ...others, value: Array.isArray(value) ? value : [value] };
  });
