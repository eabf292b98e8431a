import { z } from 'zod';
import { mapSuchAs, text } from './values.ts';

/** The names of an edge node [Sparkplug 3.0, section 4.1]. */
export interface SparkplugConfig {
  readonly group: string;
  readonly node: string;
  /** The host without which nothing is sent; undefined: the node waits for no host. */
  readonly primaryHost?: string | undefined;
}

const level = (example: string) =>
  text(`a name such as ${example}: no / + or #`, /^(?!\$)[^/+#]+$/, 64);

/** The schema of `sparkplug` of an uplink. */
export const sparkplugSchema = z.strictObject(
  {
    group: level('Plant1').describe('Group ID.'),
    node: level('robotcell1').describe(
      'Edge node ID. No other edge node of the plant may have both this name and this group.',
    ),
    primaryHost: level('scada1')
      .optional()
      .describe(
        'ID of the primary host application. The gateway sends nothing while this host is offline. Default: it waits for no host.',
      ),
  },
  mapSuchAs('{ group: Plant1, node: robotcell1 }'),
);
