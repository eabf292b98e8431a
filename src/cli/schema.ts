import { jsonSchema } from '../config/json-schema.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { EXIT, type Io } from './io.ts';

/** Prints the JSON Schema of the config, for editors. */
export async function schema(io: Io, drivers: Drivers): Promise<number> {
  io.stdout.write(`${JSON.stringify(jsonSchema(drivers), null, 2)}\n`);
  return EXIT.ok;
}
