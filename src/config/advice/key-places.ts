import { z } from 'zod';
import type { Path } from '../yaml/problem.ts';

/** Where a key may be: the path of its map, `*` for an element of a list, and the drivers that have it, if only some do. */
export interface Place {
  readonly within: readonly string[];
  readonly drivers: readonly string[];
}

/** The places of each key of a schema. */
export type KeyPlaces = ReadonlyMap<string, readonly Place[]>;

type Def = z.core.$ZodTypeDef & {
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
};

const known = new WeakMap<z.core.$ZodType, KeyPlaces>();

/** The places of all keys of a schema. Goes through it once. */
export function keyPlaces(schema: z.core.$ZodType): KeyPlaces {
  const found = known.get(schema);
  if (found) return found;
  const places = new Map<string, Place[]>();
  const add = (key: string, within: readonly string[], driver: string | undefined): void => {
    const found = places.get(key) ?? [];
    const same = found.find((one) => one.within.join('\0') === within.join('\0'));
    const drivers = [...(same?.drivers ?? []), ...(driver === undefined ? [] : [driver])];
    places.set(key, [...found.filter((one) => one !== same), { within, drivers }]);
  };
  const walk = (node: z.core.$ZodType, within: readonly string[]): void => {
    const { innerType, in: first, element, options, shape } = node._zod.def as Def;
    const inner = innerType ?? first;
    if (inner) walk(inner, within);
    if (element) walk(element, [...within, '*']);
    for (const one of options ?? []) walk(one, within);
    const driver = literalOf(shape?.driver);
    for (const [key, value] of Object.entries(shape ?? {})) {
      add(key, within, driver);
      walk(value, [...within, key]);
    }
  };
  walk(schema, []);
  known.set(schema, places);
  return places;
}

/** The name of the driver whose options a map has. */
function literalOf(schema: z.core.$ZodType | undefined): string | undefined {
  return schema instanceof z.ZodLiteral && schema.values.size === 1
    ? String([...schema.values][0])
    : undefined;
}

/** The path of a map as places have it. */
export function patternOf(path: Path): readonly string[] {
  return path.map((part) => (typeof part === 'number' ? '*' : String(part)));
}
