import { namesSchema, PLANT_LEVELS } from './schema/names.ts';
import { cellSchema } from './schema/schema.ts';
import { edited, isMap, type Values } from './yaml/edited.ts';
import type { Finding, Path } from './yaml/problem.ts';
import type { Source } from './yaml/source.ts';
import { alternatives, closest } from './yaml/suggestion.ts';

/** The keys whose texts may have names in braces, by the map that they are in: topics, and names at a plant. */
const TEMPLATES: readonly (readonly [within: readonly string[], keys: readonly string[]])[] = [
  [
    ['uplinks', '*', 'routes', '*'],
    ['out', 'in', 'to', 'strip'],
  ],
  [
    ['uplinks', '*'],
    ['status', 'clientId'],
  ],
  [
    ['uplinks', '*', 'sparkplug'],
    ['group', 'node', 'primaryHost'],
  ],
  [['homeAssistant'], ['prefix']],
  [['sensors', '*', 'mirror'], ['topic']],
  [['outputs', '*', 'controller'], ['topic']],
];

/** As many as the longest list may have, that of sensors. */
const MOST_ELEMENTS = 5000;
/** What may be in braces. */
const NAMES: readonly string[] = [...PLANT_LEVELS, 'cell'];
const BRACED = NAMES.map((name) => `{${name}}`);
const EXAMPLES = Object.entries({
  enterprise: 'acme',
  site: 'ulm',
  area: 'body-shop',
  line: 'line4',
});
/** A name in braces, also as other programs write it, or a brace alone. */
const BRACES = /\$?\{\{?[^{}]*\}?\}|[{}]/g;

/** A source whose names in braces are filled in, and what is wrong with those that can't be. */
export interface FilledSource {
  readonly source: Source;
  readonly findings: readonly Finding[];
}

/**
 * Replaces `{site}` and the other names of `names`, and `{cell}`, in the keys that have topics or names at the plant.
 * A name that is not valid is replaced by the word itself: the validation reports it where it is given.
 */
export function withFilledNames(source: Source): FilledSource {
  const findings: Finding[] = [];
  const values = valuesOf(source.value);
  const fill = (map: Values, path: Path, keys: readonly string[]): Values => {
    const own = keys.filter((key) => Object.hasOwn(map, key) && hasBraces(map[key]));
    if (own.length === 0) return map;
    const filled = own.map((key) => {
      const { text, problem } = filledText(map[key], values);
      if (problem !== undefined) {
        findings.push({ path: [...path, key], at: 'value', message: problem });
      }
      return [key, text];
    });
    return { ...map, ...Object.fromEntries(filled) };
  };
  const value = TEMPLATES.reduce(
    (all, [within, keys]) =>
      edited(all, within, MOST_ELEMENTS, (map, path) => fill(map, path, keys)),
    source.value,
  );
  return { source: { ...source, value }, findings };
}

/** `{site}` without quotes is a map of YAML. */
function hasBraces(value: unknown): boolean {
  if (typeof value === 'string') return /[{}]/.test(value);
  return unquoted(value) !== undefined;
}

function unquoted(value: unknown): string | undefined {
  if (!isMap(value)) return undefined;
  const [[name = '', inner] = [], ...others] = Object.entries(value);
  return inner === null && others.length === 0 && NAMES.includes(name) ? name : undefined;
}

/** The value of each name; undefined for one that is not given. */
function valuesOf(config: unknown): ReadonlyMap<string, string | undefined> {
  const { names, cell } = isMap(config) ? config : {};
  const given = isMap(names) ? names : {};
  const levels = PLANT_LEVELS.map((level) => {
    if (!Object.hasOwn(given, level)) return [level, undefined] as const;
    return [level, namesSchema.shape[level].safeParse(given[level]).data ?? level] as const;
  });
  return new Map([...levels, ['cell', cellSchema.safeParse(cell).data ?? 'cell']]);
}

function filledText(
  given: unknown,
  values: ReadonlyMap<string, string | undefined>,
): { text: string; problem?: string } {
  const bare = unquoted(given);
  if (bare !== undefined) {
    const problem = `found {${bare}} without quotes, which is a map to YAML, expected '{${bare}}'`;
    return { text: bare, problem };
  }
  const problems: string[] = [];
  const text = String(given).replace(BRACES, (found) => {
    const name = found.slice(1, -1);
    const value = BRACED.includes(found) ? values.get(name) : undefined;
    if (value !== undefined) return value;
    problems.push(problemOf(found));
    // A valid word: that it is not the right one is reported once.
    return name.replaceAll(/[^\w-]/g, '') || 'name';
  });
  return problems[0] === undefined ? { text } : { text, problem: problems[0] };
}

/** What is wrong with a brace, or with what is between two. */
function problemOf(found: string): string {
  const name = found.replaceAll(/[${}\s]/g, '').toLowerCase();
  if (BRACED.includes(found)) {
    const [, example] = EXAMPLES.find(([level]) => level === name) ?? [];
    return `${found} is not given, expected it in the block names, such as names: { ${name}: ${example} }`;
  }
  if (NAMES.includes(name)) return `found ${found}, expected {${name}}`;
  if (found.length === 1) {
    return `found a ${found} that is no part of a name in braces, expected one such as {site}, or no brace`;
  }
  const meant = closest(name, NAMES);
  const instead = meant === undefined ? '' : ` (did you mean {${meant}}?)`;
  return `${shown(found)} is no name of the plant, expected ${alternatives(BRACED)}${instead}`;
}

function shown(found: string): string {
  return found.length > 40 ? `${found.slice(0, 40)}…` : found;
}
