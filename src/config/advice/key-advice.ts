import type { z } from 'zod';
import type { Finding, Path } from '../yaml/problem.ts';
import type { Source } from '../yaml/source.ts';
import { splitNumber } from './hidden-values.ts';
import { type KeyPlaces, keyPlaces } from './key-places.ts';
import { type KeyAdvice, unknownKey } from './unknown-keys.ts';

/** A better message for an unknown key, or undefined. */
export type KeyExplainer = (path: Path, key: string) => string | undefined;

/** Says what was meant by unknown keys, and that a key is not missing where one of them stands for it. */
export interface KeyAdvisor {
  /** The findings of an issue about unknown keys; none of any other issue. */
  unknown(issue: z.core.$ZodIssue, path: Path): readonly Finding[];
  /** The finding that replaces the one that the value at the path is missing; undefined for others. */
  insteadOf(path: Path): Finding | undefined;
}

/** The advisor of one config; `candidates` are the keys that the map at a path may have, if the schema knows. */
export function keyAdvisor(
  schema: z.ZodType,
  source: Source,
  explain: KeyExplainer,
  candidates: (path: Path) => readonly string[],
): KeyAdvisor {
  let places: KeyPlaces | undefined;
  const given = new Map<string, Finding>();
  const advise = (path: Path, key: string, keys: readonly string[]): KeyAdvice => {
    const own = explain(path, key);
    if (own !== undefined) return { message: own };
    places ??= keyPlaces(schema);
    const driver = path.length === 2 && path[0] === 'sensors' ? driverOf(source, path) : undefined;
    return unknownKey(key, { path, candidates: keys, present: source.keys(path), driver }, places);
  };
  const ofKey = (path: Path, key: string, keys: readonly string[]): Finding => {
    const { message, meant } = advise(path, key, keys);
    const one: Finding = { path: [...path, key], at: 'key', message };
    if (meant !== undefined) given.set(JSON.stringify([...path, meant]), one);
    return one;
  };
  return {
    unknown(issue, path) {
      if (issue.code !== 'unrecognized_keys') return [];
      return issue.keys.map(
        (key) =>
          splitNumber(source, [...path, key], 'key') ?? ofKey(path, key, candidates(issue.path)),
      );
    },
    insteadOf(path) {
      const key = path.at(-1);
      const around = path.slice(0, -1);
      if (typeof key !== 'string' || source.written(path) !== undefined) return undefined;
      const known = given.get(JSON.stringify(path));
      if (known) return known;
      // Which other keys a map may have is not known before it has this one.
      if (key !== 'driver') return undefined;
      const found = source.keys(around).find((one) => advise(around, one, [key]).meant === key);
      return found === undefined ? undefined : ofKey(around, found, [key]);
    },
  };
}

function driverOf(source: Source, path: Path): string | undefined {
  return source.written([...path, 'driver'])?.replaceAll(/^"|"$/g, '');
}
