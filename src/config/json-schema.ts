import { z } from 'zod';
import type { Drivers } from '../driver-kit/driver.ts';
import { configSchema } from './schema/schema.ts';
import { RENAMED_KEYS } from './yaml/renamed-keys.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * JSON Schema (draft 7, the one that YAML editors know) of what a config file may say: one variant of a sensor for
 * each driver. Old names of keys are marked as deprecated.
 */
export function jsonSchema(drivers: Drivers): JsonSchema {
  const schema = z.toJSONSchema(configSchema(drivers), { io: 'input', target: 'draft-07' });
  addOldNames(schema);
  return { title: 'cellgate configuration', ...schema };
}

function addOldNames(schema: JsonSchema): void {
  for (const { within, keys } of RENAMED_KEYS) {
    const map = within.reduce(inside, schema);
    for (const [old, to] of Object.entries(keys)) {
      const { default: _, ...renamed } = to.reduce(inside, map);
      const description = `Old name of ${to.join('.')}.`;
      map.properties = { ...map.properties, [old]: { ...renamed, description, deprecated: true } };
    }
  }
}

function inside(schema: JsonSchema, key: string): JsonSchema {
  return (key === '*' ? schema.items : schema.properties?.[key]) as JsonSchema;
}
