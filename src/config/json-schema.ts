import { z } from 'zod';
import type { Drivers } from '../driver-kit/driver.ts';
import { configSchema } from './schema/schema.ts';

/** JSON Schema (draft 7, the one that YAML editors know) of what a config file may say: one variant of a sensor for each driver. */
export function jsonSchema(drivers: Drivers): z.core.JSONSchema.BaseSchema {
  const schema = z.toJSONSchema(configSchema(drivers), { io: 'input', target: 'draft-07' });
  return { title: 'cellgate configuration', ...schema };
}
