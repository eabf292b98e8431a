import { z } from 'zod';
import { duration } from '../../driver-kit/units.ts';
import { level } from './outputs.ts';
import { lineSchema } from './sensors.ts';
import { mapSuchAs } from './values.ts';

/** The schema of `powerFail`. */
export const powerFailSchema = z.strictObject(
  {
    line: lineSchema.describe(
      'Input line that reports it, e.g. LVD. A line has one owner: the service ed-lvd of EDATEC must not run.',
    ),
    lost: level.prefault('off').describe('State of the line while the supply fails.'),
    within: duration('10ms', '1m')
      .prefault('500ms')
      .describe(
        'How long the board still has power. If the reaction takes longer, the gateway reports a trouble.',
      ),
  },
  mapSuchAs('{ line: LVD }'),
);

/** The GPIO line that reports a failing supply; times in milliseconds. */
export type PowerFailConfig = Readonly<z.output<typeof powerFailSchema>>;
