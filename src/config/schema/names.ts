import { z } from 'zod';
import { mapSuchAs, text } from './values.ts';

/** The levels of a plant above the cell, as ISA-95 names them, the widest one first. */
export const PLANT_LEVELS = ['enterprise', 'site', 'area', 'line'] as const;

/** Names of the plant, each one level of a topic. */
export type PlantNames = Readonly<
  Partial<Record<(typeof PLANT_LEVELS)[number], string | undefined>>
>;

const level = (example: string) =>
  text(
    `one level of a topic such as ${example}: no / + # { or }, no $ at the start`,
    /^(?!\$)[^/+#{}]+$/,
    64,
  );

/** The schema of `names`. */
export const namesSchema = z.strictObject(
  {
    enterprise: level('acme').optional().describe('Name of the company: what `{enterprise}` is.'),
    site: level('ulm').optional().describe('Name of the site or plant: what `{site}` is.'),
    area: level('body-shop')
      .optional()
      .describe('Name of the area or department: what `{area}` is.'),
    line: level('line4').optional().describe('Name of the line or work centre: what `{line}` is.'),
  },
  mapSuchAs('{ enterprise: acme, site: ulm, area: body-shop, line: line4 }'),
);
