import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  visit,
  type YAMLMap,
} from 'yaml';
import { type Path, shorten } from './problem.ts';

/** No config is nested deeper. The YAML composer recurses: deeper nesting would overflow its stack. */
const DEPTH = 64;
/** Enough for a setting that a thousand sensors share, too few for an alias bomb. */
export const ALIASES = 2000;

/** Something that YAML allows and a config must not have; `offset` is its position in the text. */
export interface FormFault {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
}

/** Finds where a text is nested too deep or has too many aliases, without recursion and before it is composed. */
export function excess(text: string): FormFault | undefined {
  let offset = 0;
  let flow = 0;
  let indent = 0;
  let aliases = 0;
  let leading = true;
  let scalar = false;
  for (const token of new Lexer().lex(text)) {
    // The lexer marks documents and scalars with a control character that is not in the text.
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') {
      scalar = token === '\u001f';
      leading &&= !scalar;
      continue;
    }
    if (token === '\n' || token === '\r\n') {
      leading = true;
      indent = 0;
    } else if (leading && /^[ ?-]+$/.test(token)) indent += token.length;
    else leading = false;
    if (!scalar && (token === '[' || token === '{')) flow++;
    if (!scalar && (token === ']' || token === '}')) flow--;
    if (!scalar && token.startsWith('*')) aliases++;
    if (flow + indent / 2 > DEPTH) {
      return { offset, path: [], message: `nested deeper than ${DEPTH} levels, expected a config` };
    }
    if (aliases > ALIASES) return { offset, path: [], message: tooManyAliases };
    scalar = false;
    offset += token.length;
  }
  return undefined;
}

/** The message for more aliases than a config can need, also when they multiply. */
export const tooManyAliases = `more than ${ALIASES} aliases, expected fewer uses of anchors`;

/** The node that each alias stands for, found in one pass: the parser's own search reads the whole document for each. */
export function aliasTargets(doc: Document): ReadonlyMap<unknown, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<unknown, Node>();
  visit(doc, {
    Value(_key, node) {
      if (node.anchor) anchors.set(node.anchor, node);
    },
    Alias(_key, node) {
      const target = anchors.get(node.source);
      if (target) targets.set(node, target);
    },
  });
  return targets;
}

/** A key as text; the merge key `<<` is a symbol to the parser. */
export function keyName(value: unknown): string {
  return typeof value === 'symbol' ? (value.description ?? '') : String(value);
}

/** Finds keys given twice, keys that are not words, and aliases without an anchor or inside their own. */
export function* formFaults(
  targets: ReadonlyMap<unknown, Node>,
  lineOf: (offset: number) => number,
  node: unknown,
  path: Path = [],
  around: readonly unknown[] = [],
): Iterable<FormFault> {
  const inside = [...around, node];
  if (isAlias(node)) {
    const target = targets.get(node);
    const name = shorten(node.source);
    if (!target) yield fault(node, path, `*${name} has no anchor, expected &${name} above`);
    else if (around.includes(target)) {
      yield fault(node, path, `*${name} is inside what &${name} names, expected it outside`);
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      yield* formFaults(targets, lineOf, item, [...path, index], inside);
    }
  } else if (isMap(node)) {
    yield* keyFaults(node, lineOf, path);
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      yield* formFaults(targets, lineOf, value, [...path, keyName(key.value)], inside);
    }
  }
}

function* keyFaults(map: YAMLMap, lineOf: (offset: number) => number, path: Path) {
  const seen = new Map<string, number>();
  for (const { key } of map.items) {
    if (!isScalar(key)) {
      const message = isMap(key)
        ? 'found { in the place of a key, expected a word; templates such as {{ name }} are not filled in'
        : 'the key is a list or an alias, expected a word';
      yield fault(key as Node, path, message);
      continue;
    }
    const name = keyName(key.value);
    const first = seen.get(name);
    if (first === undefined) seen.set(name, key.range?.[0] ?? 0);
    else {
      const message = `the key is in line ${lineOf(first)} already, expected it only once`;
      yield fault(key, [...path, name], message);
    }
  }
}

function fault(node: Node, path: Path, message: string): FormFault {
  return { offset: node.range?.[0] ?? 0, path, message };
}
