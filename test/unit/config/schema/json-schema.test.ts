import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonSchema } from '../../../../src/config/json-schema.ts';
import { drivers } from '../../../../src/driver-table.ts';
import { fakeDrivers } from '../../../support/fake-drivers.ts';

interface Schema {
  readonly description?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

const schema = jsonSchema(fakeDrivers) as Schema;
const sensors = schema.properties?.sensors?.items?.oneOf ?? [];
const variant = (name: string): Schema | undefined =>
  sensors.find(({ properties }) => properties?.driver?.const === name);

describe('the JSON Schema', () => {
  it('has one closed variant of a sensor for each driver, with its options', () => {
    expect(sensors.map(({ properties }) => properties?.driver?.const)).toEqual([
      ...fakeDrivers.keys(),
    ]);
    expect(sensors.every(({ additionalProperties }) => additionalProperties === false)).toBe(true);
    expect(variant('tmp102')).toMatchObject({
      required: ['name', 'driver', 'bus'],
      properties: { address: { enum: [0x48, 0x49, 0x4a, 0x4b], default: 0x48 } },
    });
    expect(variant('digital-input')).toMatchObject({
      required: ['name', 'driver', 'line'],
      properties: { debounce: { type: 'string', title: 'duration', default: '0ms' } },
    });
    expect(Object.keys(variant('host')?.properties ?? {})).not.toContain('bus');
  });

  it('describes every key', () => {
    const bare = (one: Schema, at: string): string[] => [
      ...Object.entries(one.properties ?? {}).flatMap(([key, value]) => [
        ...(value.description || value.const ? [] : [`${at}.${key}`]),
        ...bare(value, `${at}.${key}`),
      ]),
      ...(one.items ? bare(one.items, `${at}[]`) : []),
      ...(one.oneOf ?? []).flatMap((each) => bare(each, at)),
    ];
    const options = [...fakeDrivers.values()].flatMap(({ options }) => Object.keys(options.shape));
    const missing = bare(schema, 'config').filter((at) => !options.includes(at.split('.').at(-1)!));
    expect(missing).toEqual([]);
  });

  it('is current in config/cellgate.schema.json (else: npm run schema)', () => {
    const file = path.resolve(import.meta.dirname, '../../../../config/cellgate.schema.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(jsonSchema(drivers));
  });
});
