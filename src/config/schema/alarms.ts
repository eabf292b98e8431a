import { z } from 'zod';
import { duration } from '../../driver-kit/units.ts';
import { mapSuchAs, rangeSchema, text } from './values.ts';

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

const number = z.number();
const severity = z.enum(SEVERITIES);
const rate = 'a number above 0';
const hysteresis = 'a number of 0 or more';

/** The condition of an alarm; exactly one of these keys. */
const KINDS = ['above', 'below', 'outside', 'equals', 'rate', 'stale', 'bad'] as const;
export type AlarmKind = (typeof KINDS)[number];

const nameSchema = text(
  'a name such as hot: no / + or #',
  /^(?!\$)(?!(set|result)$)[^/+#]+$/,
  64,
  (name) =>
    ['set', 'result'].includes(name) ? 'another name: set and result are topics of it' : undefined,
);

/** The schema of one alarm of a sensor. */
export const alarmSchema = z
  .strictObject(
    {
      name: nameSchema.describe(
        'Last level of its topic `<cell>/alarm/<sensor>/<name>`; unique in the sensor.',
      ),
      channel: z
        .string()
        .optional()
        .describe('The channel that it watches, for a sensor with several.'),
      above: number.optional().describe('Active while the value is above this number.'),
      below: number.optional().describe('Active while the value is below this number.'),
      outside: rangeSchema.optional().describe('Active while the value is outside [low, high].'),
      equals: z
        .union([number, z.boolean(), z.string()], { error: 'a value such as true or 7' })
        .optional()
        .describe('Active while the value is this one.'),
      rate: z
        .number({ error: rate })
        .positive({ error: rate })
        .optional()
        .describe('Active while the value changes by more than this in the time `per`.'),
      per: duration('1ms', '1d').prefault('1s').describe('The time of `rate`.'),
      stale: duration('100ms', '7d')
        .optional()
        .describe('Active when there was no good value for this time.'),
      bad: z
        .literal(true, { error: 'true' })
        .optional()
        .describe('Active while the sensor gives bad values.'),
      hysteresis: z
        .number({ error: hysteresis })
        .min(0, { error: hysteresis })
        .prefault(0)
        .describe('How far the value must come back before the alarm clears.'),
      delay: duration('0ms', '1d')
        .prefault('0ms')
        .describe('How long the condition must last before the alarm is active.'),
      severity: severity.prefault('medium').describe('How urgent the alarm is.'),
      text: text('a short text', /./, 200).optional().describe('What the operator reads.'),
      latching: z
        .boolean()
        .prefault(false)
        .describe('Whether the alarm remains active until it is acknowledged.'),
    },
    mapSuchAs('{ name: hot, above: 70 }'),
  )
  .check((ctx) => {
    if (ctx.issues.length > 0) return;
    const found = KINDS.filter((kind) => ctx.value[kind] !== undefined);
    if (found.length === 1) return;
    const what = found.length === 0 ? 'no condition' : found.join(' and ');
    const message = `found ${what}, expected one of ${KINDS.join(', ')}`;
    ctx.issues.push({ code: 'custom', input: ctx.value, message });
  });

/** One alarm of a sensor, its defaults filled in; times in milliseconds. */
export type AlarmConfig = Readonly<z.output<typeof alarmSchema>>;

/** The kind of an alarm's condition. */
export function kindOf(config: AlarmConfig): AlarmKind {
  return KINDS.find((kind) => config[kind] !== undefined) ?? 'bad';
}
