import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { isSecretKey, maskUrls } from '../../base/secrets.ts';
import { lineMistake } from './mistaken-lines.ts';
import { formatPath, type Path, shorten } from './problem.ts';
import { mistakeOf } from './yaml-errors.ts';
import { ALIASES, aliasTargets, excess, formFaults, keyName, tooManyAliases } from './yaml-form.ts';

/** Only the first problems of a text are reported. */
const MOST_PROBLEMS = 100;

/** A place in the file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Why a text is not valid YAML, or not of the form that a config must have. */
export interface FormProblem extends Position {
  readonly path: string;
  readonly message: string;
}

/** A config file as plain values, with the position of each. */
export interface Source {
  readonly value: unknown;
  /** The position of the key or the value at `path`, else of the nearest one around it. */
  locate(path: Path, at: 'key' | 'value'): Position;
  /** The value at `path` as the file has it, short, for a message; undefined when there is none. */
  written(path: Path): string | undefined;
  /** The keys of the map at `path`, in their order; none if it is no map. */
  keys(path: Path): readonly string[];
  /** The text of a line; lines count from 1. */
  textOf(line: number): string;
}

/** Parses YAML. Returns the source, or the problems of its form. */
export function parseSource(text: string): Source | { problems: readonly FormProblem[] } {
  const problem = (offset: number, message: string, path: Path = []): FormProblem => ({
    ...positionAt(text, offset),
    path: formatPath(path),
    message,
  });
  const early = excess(text);
  if (early) return { problems: [problem(early.offset, early.message)] };
  const doc = parseDocument(text, { prettyErrors: false, uniqueKeys: false, merge: true });
  const errors = doc.errors.length > 0 ? doc.errors : doc.warnings;
  if (errors.length > 0) {
    const problems = errors
      .slice(0, MOST_PROBLEMS)
      .filter(({ pos }, index) => errors[index - 1]?.pos[0] !== pos[0])
      .map((error) => mistakeOf(doc, error, text))
      .map(({ offset, message }) => problem(offset, message));
    // One mistake causes several errors of the parser; the first of a line is the most useful.
    return {
      problems: problems.filter((one, index) => !follows(one, problems[index - 1], problems)),
    };
  }
  const only = isScalar(doc.contents) || isSeq(doc.contents) ? doc.contents.range?.[0] : undefined;
  const mistaken = only === undefined ? undefined : lineMistake(text, only);
  if (mistaken) return { problems: [problem(mistaken.offset, mistaken.message)] };
  const problems: FormProblem[] = [];
  const targets = aliasTargets(doc);
  const lineOf = (offset: number): number => positionAt(text, offset).line;
  for (const { offset, path, message } of formFaults(targets, lineOf, doc.contents)) {
    if (problems.push(problem(offset, message, path)) === MOST_PROBLEMS) break;
  }
  if (problems.length > 0) return { problems };
  try {
    return sourceOf(doc, doc.toJS({ maxAliasCount: ALIASES }), targets, text);
  } catch {
    return { problems: [problem(0, tooManyAliases)] };
  }
}

/** Whether a problem is only a consequence of another: of the one before it in its line, or of one in the line above. */
function follows(
  one: FormProblem,
  before: FormProblem | undefined,
  all: readonly FormProblem[],
): boolean {
  if (one.line === before?.line) return true;
  return (
    one.message.startsWith('indented further') && all.some(({ line }) => line === one.line - 1)
  );
}

function positionAt(text: string, offset: number): Position {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < offset; end = text.indexOf('\n', start)) {
    start = end + 1;
    line++;
  }
  return { line, column: Math.min(offset, text.length) - start + 1 };
}

function sourceOf(
  doc: Document,
  value: unknown,
  targets: ReadonlyMap<unknown, Node>,
  text: string,
): Source {
  const deref = (node: unknown): unknown => (isAlias(node) ? targets.get(node) : node);
  const child = (
    parent: unknown,
    part: PropertyKey,
  ): { key?: Node; value: unknown } | undefined => {
    const node = deref(parent);
    if (isSeq(node))
      return Number(part) in node.items ? { value: node.items[Number(part)] } : undefined;
    return isMap(node) ? pairOf(node, String(part), deref) : undefined;
  };
  const nodeAt = (path: Path): { node: unknown } | undefined => {
    let node: unknown = doc.contents;
    for (const part of path) {
      const found = child(node, part);
      if (!found) return undefined;
      node = found.value;
    }
    return { node: deref(node) };
  };
  const lines = text.split('\n');
  return {
    value,
    locate(path, at) {
      let offset = 0;
      let node: unknown = doc.contents;
      for (const [index, part] of path.entries()) {
        const found = child(node, part);
        if (!found) break;
        const last = index === path.length - 1;
        const start = found.key ? rangeStart(found.value) : (found.value as Node).range?.[0];
        offset =
          (last && at === 'value' ? start : undefined) ?? rangeStart(found.key) ?? start ?? offset;
        node = found.value;
      }
      return positionAt(text, offset);
    },
    written(path) {
      const found = nodeAt(path);
      return found && inShort(found.node, text);
    },
    keys(path) {
      const node = nodeAt(path)?.node;
      if (!isMap(node)) return [];
      return node.items.flatMap(({ key }) => (isScalar(key) ? [keyName(key.value)] : []));
    },
    textOf: (line) => lines[line - 1] ?? '',
  };
}

/** Where the node's text starts; undefined for a value that is left empty. */
function rangeStart(node: unknown): number | undefined {
  const range = (node as Node | undefined)?.range;
  return range && range[1] > range[0] ? range[0] : undefined;
}

function pairOf(
  map: YAMLMap,
  name: string,
  deref: (node: unknown) => unknown,
): { key: Node; value: unknown } | undefined {
  const named = (wanted: string) => (pair: Pair) =>
    isScalar(pair.key) && keyName(pair.key.value) === wanted;
  const own = map.items.find(named(name));
  if (own) return { key: own.key as Node, value: own.value };
  const merged = deref(map.items.find(named('<<'))?.value);
  const sources = isSeq(merged) ? merged.items.map(deref) : [merged];
  for (const source of sources) {
    const found = isMap(source) ? pairOf(source, name, deref) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** Whether a map in the text has a key whose value must not be printed. */
function hasSecretKey(source: string): boolean {
  return [...source.matchAll(/([\w-]+)["']?\s*:/g)].some(([, key = '']) => isSecretKey(key));
}

function inShort(node: unknown, text: string): string {
  if (isMap(node) || isSeq(node)) {
    const source = text.slice(...(node.range ?? [0, 0]).slice(0, 2));
    const short = node.items.length > 0 && /^[[{].{0,40}$/.test(source);
    if (short && !hasSecretKey(source)) return maskUrls(source);
  }
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  if (typeof node.value === 'string') return JSON.stringify(shorten(node.value));
  return shorten(node.source ?? String(node.value));
}
