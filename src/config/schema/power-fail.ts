import { z } from 'zod';
import { duration } from '../../driver-kit/units.ts';
import { level } from './outputs.ts';
import { lineSchema } from './sensors.ts';
import { mapSuchAs } from './values.ts';

/** The schema of `powerFail`. */
export const powerFailSchema = z.strictObject(
  {
    line: lineSchema.describe(
      'Input line that tells it, e.g. LVD. It has one owner: the service ed-lvd of EDATEC must not run.',
    ),
    lost: level.prefault('off').describe('What the line is while the supply fails.'),
    within: duration('10ms', '1m')
      .prefault('500ms')
      .describe('For so long the board lasts: what takes longer is told as a trouble.'),
  },
  mapSuchAs('{ line: LVD }'),
);

/** The line that tells of a failing supply; milliseconds. */
export type PowerFailConfig = Readonly<z.output<typeof powerFailSchema>>;
