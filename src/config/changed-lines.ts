import { maskUrls } from '../base/secrets.ts';
import { keyOf } from './difference.ts';
import type { Path } from './yaml/problem.ts';
import { parseSource, type Source } from './yaml/source.ts';
import { isPlace, mayBeSecret } from './yaml/without-secrets.ts';

/** The values that differ between two texts of a config, as each has them: `broker.limits.inflight: 20`. */
export interface ChangedLines {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

interface Leaf {
  readonly path: Path;
  readonly value: unknown;
}

const LONGEST = 200;

/** The changed values of a config. Secrets and comments are left out; a text that is no YAML has no values. */
export function changedLines(before: string, after: string): ChangedLines {
  const [old, next] = [leavesOf(before), leavesOf(after)];
  const only = (one: Leaves, other: Leaves): string[] =>
    [...one.leaves]
      .filter(([name, { value }]) => !Object.is(other.leaves.get(name)?.value, value))
      .map(([name, leaf]) => `${name}: ${shown(leaf, one.source)}`);
  return { before: only(old, next), after: only(next, old) };
}

interface Leaves {
  readonly source: Source | undefined;
  readonly leaves: ReadonlyMap<string, Leaf>;
}

/** The values below the root, by the names of their keys; elements of a list by their own names where they have some. */
function leavesOf(text: string): Leaves {
  const source = parseSource(text);
  if ('problems' in source) return { source: undefined, leaves: new Map() };
  const leaves = new Map<string, Leaf>();
  const add = (name: string, value: unknown, path: Path): void => {
    const children = childrenOf(value);
    if (children.length === 0) leaves.set(name, { path, value: emptyForm(value) });
    for (const { part, suffix, child } of children) {
      add(name === '' ? suffix.replace(/^\./, '') : `${name}${suffix}`, child, [...path, part]);
    }
  };
  add('', source.value, []);
  leaves.delete('');
  return { source, leaves };
}

/** Empty lists and maps are equal; other values are as they are. */
function emptyForm(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? '[]' : '{}';
}

interface Child {
  readonly part: string | number;
  readonly suffix: string;
  readonly child: unknown;
}

function childrenOf(value: unknown): readonly Child[] {
  if (Array.isArray(value)) {
    const names = value.map(keyOf);
    const areNamed = names.every((name) => name !== undefined);
    const seen = new Set<string | undefined>();
    return value.map((child, part) => {
      const name = names[part];
      // Two elements may have one name.
      const index = areNamed && !seen.has(name) ? '' : `[${part}]`;
      seen.add(name);
      return { part, child, suffix: areNamed ? `.${name}${index}` : index };
    });
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([part, child]) => ({ part, child, suffix: `.${part}` }));
}

function shown({ path, value }: Leaf, source: Source | undefined): string {
  const isSecret = path.some((part) => typeof part === 'string' && mayBeSecret(part));
  if (isSecret && typeof value !== 'boolean' && !isPlace(String(value))) return '(removed)';
  const text = typeof value === 'string' ? maskUrls(value) : (source?.written(path) ?? '');
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
