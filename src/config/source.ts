import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { formatPath, type Path, shorten } from './problem.ts';

/** Nesting beyond this is no config; the YAML composer recurses and would take the process with it. */
const DEPTH = 64;
/** A setting shared by each of a thousand sensors is fine, an alias bomb is not. */
const ALIASES = 2000;

/** A place in the file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What keeps a text from being read as YAML. */
export interface FormProblem extends Position {
  readonly path: string;
  readonly message: string;
}

/** A config file as plain values that know where they stand. */
export interface Source {
  readonly value: unknown;
  /** The position of the key or the value at `path`, else of the nearest one around it. */
  locate(path: Path, at: 'key' | 'value'): Position;
  /** The value at `path` as it is written, for a message; undefined when there is none. */
  written(path: Path): string | undefined;
}

/** Parses YAML; gives the source, or what is wrong with its form. */
export function parseSource(text: string): Source | { problems: readonly FormProblem[] } {
  const problem = (offset: number, message: string, path: Path = []): FormProblem => ({
    ...positionAt(text, offset),
    path: formatPath(path),
    message,
  });
  const deep = tooDeep(text);
  if (deep !== undefined) {
    return { problems: [problem(deep, `nested deeper than ${DEPTH} levels, expected a config`)] };
  }
  const doc = parseDocument(text, { prettyErrors: false, uniqueKeys: false, merge: true });
  const errors = doc.errors.length > 0 ? doc.errors : doc.warnings;
  if (errors.length > 0) {
    const problems = errors.map((error) =>
      problem(opening(doc, error, text) ?? error.pos[0], inWords(error)),
    );
    // One slip makes the parser stumble several times; the first of a line says most.
    return { problems: problems.filter((one, index) => problems[index - 1]?.line !== one.line) };
  }
  const problems: FormProblem[] = [];
  checkForm(
    doc,
    doc.contents,
    [],
    [],
    (node, path, message) => problems.push(problem(node.range?.[0] ?? 0, message, path)),
    (offset) => positionAt(text, offset).line,
  );
  if (problems.length > 0) return { problems };
  try {
    return sourceOf(doc, doc.toJS({ maxAliasCount: ALIASES }), text);
  } catch {
    return {
      problems: [problem(0, `more than ${ALIASES} uses of anchors, expected fewer aliases`)],
    };
  }
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

/** The offset at which the text nests too deep, found without recursion. */
function tooDeep(text: string): number | undefined {
  let offset = 0;
  let flow = 0;
  let indent = 0;
  let leading = true;
  let scalar = false;
  for (const token of new Lexer().lex(text)) {
    // The lexer announces documents and scalars with a control character that is not in the text.
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') {
      scalar = token === '\u001f';
      leading &&= token !== '\u001f';
      continue;
    }
    if (token === '\n' || token === '\r\n') {
      leading = true;
      indent = 0;
    } else if (leading && /^[ ?-]+$/.test(token)) indent += token.length;
    else leading = false;
    if (!scalar && (token === '[' || token === '{')) flow++;
    if (!scalar && (token === ']' || token === '}')) flow--;
    if (flow + indent / 2 > DEPTH) return offset;
    scalar = false;
    offset += token.length;
  }
  return undefined;
}

/** Where the quote or bracket stands that is not closed: the parser points at where it gave up. */
function opening(doc: Document, error: YAMLError, text: string): number | undefined {
  const flow = error.code === 'BAD_INDENT' && error.message.startsWith('Flow');
  if (error.code !== 'MISSING_CHAR' && !flow) return undefined;
  let start: number | undefined;
  visit(doc, {
    Scalar(_key, { type, range }) {
      if (!flow && type?.startsWith('QUOTE') && range?.[1] === error.pos[0]) start = range[0];
    },
    Collection(_key, { flow: bracketed, range }) {
      const closed = range && /[\]}]/.test(text[range[1] - 1] ?? '');
      if (flow && bracketed && range && !closed) start = range[0];
    },
  });
  return start;
}

function inWords(error: YAMLError): string {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'indented with a tab, expected spaces';
    case 'MULTIPLE_DOCS':
      return 'a second document starts here, expected only one: remove the "---" or "..." line';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'not of the form "key: value", expected a colon and a space after the key';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a second "key: value" in the same line, expected one: quote a value that holds ": "';
    case 'BAD_INDENT':
      return error.message.startsWith('Flow')
        ? 'a bracket opened here is not closed, expected its ] or } before the next line begins further left'
        : 'indented differently from the lines around it, expected keys of one map in one column';
    case 'BAD_SCALAR_START':
      return `${error.message}, expected quotes around it`;
    case 'MISSING_CHAR':
      return error.message.startsWith('Sequence item')
        ? 'a list item without its dash, or a key that is not indented like its neighbours'
        : 'a quote or bracket opened here is not closed, expected its end';
    case 'TAG_RESOLVE_FAILED':
      return `${error.message}, expected plain values without tags`;
    default:
      return `not YAML: ${error.message}`;
  }
}

type Report = (node: Node, path: Path, message: string) => void;

/** What YAML allows and a config does not need: a key twice, keys that are no words, an alias inside its own anchor. */
function checkForm(
  doc: Document,
  node: unknown,
  path: Path,
  around: readonly unknown[],
  report: Report,
  lineOf: (offset: number) => number,
): void {
  const inside = [...around, node];
  if (isAlias(node)) {
    const target = node.resolve(doc);
    if (!target)
      report(
        node,
        path,
        `*${shorten(node.source)} has no anchor, expected &${shorten(node.source)} above`,
      );
    else if (around.includes(target))
      report(
        node,
        path,
        `*${node.source} stands inside what &${node.source} names, expected it outside`,
      );
  } else if (isSeq(node)) {
    node.items.forEach((item, index) => {
      checkForm(doc, item, [...path, index], inside, report, lineOf);
    });
  } else if (isMap(node)) {
    const seen = new Map<string, Node>();
    for (const { key, value } of node.items) {
      if (!isScalar(key)) {
        report(
          isAlias(key) || isMap(key) || isSeq(key) ? key : node,
          path,
          'the key is a list, a map or an alias, expected a word',
        );
        continue;
      }
      const name = keyName(key.value);
      const first = seen.get(name);
      if (first) {
        const line = lineOf(first.range?.[0] ?? 0);
        report(key, [...path, name], `the key is in line ${line} already, expected it only once`);
      } else seen.set(name, key);
      checkForm(doc, value, [...path, name], inside, report, lineOf);
    }
  }
}

function sourceOf(doc: Document, value: unknown, text: string): Source {
  const deref = (node: unknown): unknown => (isAlias(node) ? node.resolve(doc) : node);
  const child = (
    parent: unknown,
    part: PropertyKey,
  ): { key?: Node; value: unknown } | undefined => {
    const node = deref(parent);
    if (isSeq(node))
      return Number(part) in node.items ? { value: node.items[Number(part)] } : undefined;
    return isMap(node) ? pairOf(node, String(part), deref) : undefined;
  };
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
      let node: unknown = doc.contents;
      for (const part of path) {
        const found = child(node, part);
        if (!found) return undefined;
        node = found.value;
      }
      return inShort(deref(node), text);
    },
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

/** The merge key `<<` is a symbol to the parser. */
function keyName(value: unknown): string {
  return typeof value === 'symbol' ? (value.description ?? '') : String(value);
}

function inShort(node: unknown, text: string): string {
  if (isMap(node) || isSeq(node)) {
    const source = text.slice(...(node.range ?? [0, 0]).slice(0, 2));
    if (node.items.length > 0 && /^[[{].{0,40}$/.test(source)) return source;
  }
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  if (typeof node.value === 'string') return JSON.stringify(shorten(node.value));
  return shorten(node.source ?? String(node.value));
}
