import { z } from 'zod';
import { mapSuchAs, text } from './values.ts';

/** How the cell is described to Home Assistant. */
export interface HomeAssistantConfig {
  /** First levels of the topics that Home Assistant reads descriptions from. */
  readonly prefix: string;
}

/** The schema of `homeAssistant`. */
export const homeAssistantSchema = z.strictObject(
  {
    prefix: text(
      'the first levels of a topic such as homeassistant: no + or #, no $ at the start',
      /^(?!\$)[^/+#]+(\/[^/+#]+)*$/,
      128,
    )
      .prefault('homeassistant')
      .describe('Discovery prefix, as it is set in Home Assistant.'),
  },
  mapSuchAs('{} or { prefix: homeassistant }'),
);
