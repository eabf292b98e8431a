import { stringify } from 'yaml';
import { edited, isMap, type Values } from './edited.ts';
import { type Finding, formatPath, type Path, shorten } from './problem.ts';
import type { Source } from './source.ts';

/** Keys of one map that have new names. */
export interface RenamedKeys {
  /** Path of the map; `*` stands for each element of a list. */
  readonly within: readonly string[];
  /** The path of the new key in the same map, by the old name. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
}

/** The old names that a config may still use. The next version may remove them. */
export const RENAMED_KEYS: readonly RenamedKeys[] = [
  {
    within: ['broker', 'limits'],
    keys: {
      queuedMessages: ['queue', 'messages'],
      queuedBytes: ['queue', 'bytes'],
      queuedAge: ['queue', 'age'],
      queueFull: ['queue', 'full'],
      keepalive: ['tcpKeepalive'],
    },
  },
  { within: ['uplinks', '*'], keys: { retry: ['reconnectMax'] } },
];

/** A source that has new names only. */
export interface RenamedSource {
  readonly source: Source;
  /** One for each use of an old name. */
  readonly warnings: readonly Finding[];
  /** Values that the file gives by the old name and by the new one. */
  readonly findings: readonly Finding[];
  /** The path as the file has it, with old names. */
  pathInFile(path: Path): Path;
}

/** Longer lists of uplinks are no valid config. */
const MOST_ELEMENTS = 1000;

/** An old name and the path of the new key in the same map. */
type Renamed = readonly [old: string, to: readonly string[]];

/** Moves the values of old names to the new ones; the source still gives their positions in the file. */
export function withNewNames(source: Source): RenamedSource {
  const warnings: Finding[] = [];
  const findings: Finding[] = [];
  const oldPaths = new Map<string, Path>();
  const pathInFile = (path: Path): Path => oldPaths.get(JSON.stringify(path)) ?? path;

  const rename = (map: Values, path: Path, keys: RenamedKeys['keys']): Values => {
    const used = Object.entries(keys).filter(([old]) => Object.hasOwn(map, old));
    if (used.length === 0) return map;
    const twice = used.filter(([, to]) => valueAt(map, to) !== undefined);
    const moved = used.filter((one) => !twice.includes(one));
    const others = Object.entries(map).filter(([key]) => !Object.hasOwn(keys, key));
    const result = moved.reduce<Values>(
      (all, [old, to]) => put(all, to, map[old]),
      Object.fromEntries(others),
    );
    for (const [old, to] of moved) oldPaths.set(JSON.stringify([...path, ...to]), [...path, old]);
    findings.push(...twice.map((one) => givenTwice(source, path, one)));
    warnings.push(...moved.map((one) => renamed(path, one, remedy(one, keys, map, result))));
    return result;
  };

  const value = RENAMED_KEYS.reduce(
    (all, { within, keys }) =>
      edited(all, within, MOST_ELEMENTS, (map, path) => rename(map, path, keys)),
    source.value,
  );
  return {
    source: {
      value,
      locate: (path, at) => source.locate(pathInFile(path), at),
      written: (path) => source.written(pathInFile(path)),
      keys: (path) => source.keys(pathInFile(path)),
      textOf: (line) => source.textOf(line),
    },
    warnings,
    findings,
    pathInFile,
  };
}

function renamed(path: Path, [old, to]: Renamed, instead: string): Finding {
  const message = `warning: renamed to ${formatPath([...path, ...to])}, write ${instead} instead; the next version may refuse the old name`;
  return { path: [...path, old], at: 'key', message };
}

function givenTwice(source: Source, path: Path, [old, to]: Renamed): Finding {
  const lineOf = (keys: readonly string[]): number => source.locate([...path, ...keys], 'key').line;
  const message = `given in line ${lineOf([old])} and by its new name ${formatPath([...path, ...to])} in line ${lineOf(to)}, expected only the new name`;
  return { path: [...path, old], at: 'key', message };
}

/** How the file should write the new key, with all renamed keys of its block: `queue: { messages: 1000, age: 7d }`. */
function remedy(
  [old, to]: Renamed,
  keys: RenamedKeys['keys'],
  map: Values,
  result: Values,
): string {
  const from = valueAt(result, to) === undefined ? put({}, to, map[old]) : result;
  const block = Object.values(keys).filter(([first]) => first === to[0]);
  const values = block.reduce<Values>((all, key) => {
    const value = valueAt(from, key);
    return value === undefined ? all : put(all, key, inShort(value));
  }, {});
  return stringify(values, { collectionStyle: 'flow', lineWidth: 0 }).trim().slice(2, -2);
}

function inShort(value: unknown): unknown {
  if (typeof value === 'string') return shorten(value);
  return typeof value === 'object' ? '…' : value;
}

/** Undefined where there is no such key; an empty value is null. */
function valueAt(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value;
  return isMap(value) && Object.hasOwn(value, key) ? valueAt(value[key], rest) : undefined;
}

/** A value that should be a map and is not one stays as it is: the validation reports it. */
function put(map: Values, [key, ...rest]: readonly string[], value: unknown): Values {
  if (key === undefined) return map;
  if (rest.length === 0) return { ...map, [key]: value };
  const inner = Object.hasOwn(map, key) ? map[key] : {};
  return isMap(inner) ? { ...map, [key]: put(inner, rest, value) } : map;
}
