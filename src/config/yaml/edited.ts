import type { Path } from './problem.ts';

/** A map of a config as it is before the validation. */
export type Values = Readonly<Record<string, unknown>>;

/**
 * The value with `edit` applied to each map at `within`, where `*` is each element of a list; the rest is shared, not
 * copied. A list with more than `most` elements is no valid config and stays as it is: going through it costs time.
 */
export function edited(
  value: unknown,
  within: readonly string[],
  most: number,
  edit: (map: Values, path: Path) => Values,
): unknown {
  const inside = (one: unknown, [key, ...rest]: readonly string[], path: Path): unknown => {
    if (key === '*') {
      if (!Array.isArray(one) || one.length > most) return one;
      return one.map((each, index) => inside(each, rest, [...path, index]));
    }
    if (!isMap(one)) return one;
    if (key === undefined) return edit(one, path);
    if (!Object.hasOwn(one, key)) return one;
    return { ...one, [key]: inside(one[key], rest, [...path, key]) };
  };
  return inside(value, within, []);
}

export function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
