import { z } from 'zod';
import { duration } from '../../driver-kit/units.ts';
import { didYouMean } from '../yaml/suggestion.ts';
import { PIN, parsePin } from './pins.ts';
import { LINE, lineSchema, nameSchema, payloadSchema } from './sensors.ts';
import { expectation, mapSuchAs, text } from './values.ts';

const onOff = 'on or off';
/** The schema of the state of a line. */
export const level = z
  .union([z.boolean(), z.enum(['on', 'off'])], { error: onOff })
  .transform((value) => value === true || value === 'on')
  .meta({ title: 'on or off' });

const topicSchema = text('a topic such as plc/alive: no + or #', /^(?!\$)[^+#]+$/, 1024);

const outputLine =
  'a line such as DO0, GPIO17 or gpiochip0:17, or a pin such as mcp23017@i2c-1/0x20:8';
const outputLineError = ({ input }: { input?: unknown }): string => {
  const [issue] = lineSchema.safeParse(input).error?.issues ?? [];
  return String(input).includes('@') || issue === undefined ? outputLine : issue.message;
};
const outputLineSchema = z
  .string({ error: outputLineError })
  .regex(new RegExp(`${LINE.source}|${PIN.source}`), { error: outputLineError });

const interlockSchema = z.strictObject(
  {
    line: lineSchema.describe('Input line: DI0, GPIO17 or gpiochip0:17.'),
    is: level
      .prefault('on')
      .describe('State that the line must have. Otherwise the output goes to its safe state.'),
    activeLow: z.boolean().default(false).describe('Whether the electrical low level is on.'),
  },
  mapSuchAs('{ line: DI3, is: on }'),
);

const controllerSchema = z.strictObject(
  {
    topic: topicSchema.describe(
      'Topic that the controller publishes to. The payload does not matter.',
    ),
    within: duration('100ms', '1d').describe(
      'Longest silence. After it, the output goes to its safe state.',
    ),
  },
  mapSuchAs('{ topic: plc/alive, within: 5s }'),
);

const followsSchema = text(
  'an alarm such as alarm/hot or alarm/boiler/hot',
  /^alarm(\/[^/+#]+)+$/,
  256,
);

const DRIVER = 'digital-output';
const drivers = z.literal(DRIVER, {
  error: ({ input }) => `the driver ${DRIVER}${didYouMean(String(input), [DRIVER])}`,
});

/** The schema of one output. */
export const outputSchema = z
  .strictObject(
    {
      name: nameSchema.describe('Topic below the cell, e.g. stacklight/red; unique.'),
      driver: drivers.describe('Drives a GPIO line or a pin of an expander.'),
      line: outputLineSchema.describe(
        'Output line: DO0, GPIO17 or gpiochip0:17; or a pin of an expander: mcp23017@i2c-1/0x20:8.',
      ),
      activeLow: z.boolean().default(false).describe('Whether the electrical low level is on.'),
      drive: z
        .enum(['push-pull', 'open-drain', 'open-source'])
        .default('push-pull')
        .describe('How the line is driven.'),
      safe: level
        .prefault('off')
        .describe('State at the start, at the stop, and whenever no other state is allowed.'),
      start: z
        .enum(['safe', 'last'])
        .default('safe')
        .describe(
          'State after a restart: its safe state, or the one of the last command. Never with interlock, controller or follows.',
        ),
      whenUplinkLost: z
        .enum(['keep', 'safe'])
        .default('keep')
        .describe(
          'Whether the output goes to its safe state when the connection to the plant is lost.',
        ),
      controller: controllerSchema
        .optional()
        .describe('The output may leave its safe state only while messages arrive on this topic.'),
      interlock: interlockSchema
        .optional()
        .describe(
          'The output may leave its safe state only while this line allows it. No safety function.',
        ),
      follows: followsSchema
        .optional()
        .describe(
          'The output is on while this alarm is active, and takes no commands: alarm/NAME for that alarm of every sensor, alarm/SENSOR/NAME for one.',
        ),
      maxAge: duration('100ms', '1d')
        .prefault('10s')
        .describe('A command with a `time` older than this is refused.'),
      longest: duration('1ms', '1d')
        .optional()
        .describe(
          'Longest time outside the safe state. After it, the output goes to its safe state, whatever the command was.',
        ),
      payload: payloadSchema.optional(),
    },
    mapSuchAs('{ name: stacklight/red, driver: digital-output, line: DO0 }'),
  )
  .refine(({ line, drive }) => drive === 'push-pull' || parsePin(line) === undefined, {
    error: 'push-pull, as an expander drives its pins',
    path: ['drive'],
    params: expectation,
  })
  .refine(({ line, interlock }) => line !== interlock?.line, {
    error: 'another line than the output itself',
    path: ['interlock', 'line'],
    params: expectation,
  })
  .refine(
    ({ start, interlock, controller, follows }) =>
      start === 'safe' || !(interlock || controller || follows !== undefined),
    {
      error: 'safe, as the output has an interlock, a controller or an alarm that it follows',
      path: ['start'],
      params: expectation,
    },
  )
  .refine(({ follows, longest }) => follows === undefined || longest === undefined, {
    error: 'no longest beside follows: the output is on as long as the alarm is active',
    path: ['longest'],
    params: expectation,
  });

/** One output before the payload of the whole config is filled in; times in milliseconds. */
export type PartialOutput = Readonly<z.output<typeof outputSchema>>;

/** One output, its defaults filled in. */
export type OutputConfig = Omit<PartialOutput, 'payload'> & {
  readonly payload: 'json' | 'value';
};
