import { type Document, visit, type YAMLError } from 'yaml';
import { isSecretKey } from '../../base/secrets.ts';
import { lineMistake, type Mistake } from './mistaken-lines.ts';

/** What is wrong where the parser found an error, as a sentence with the place to repair. */
export function mistakeOf(doc: Document, error: YAMLError, text: string): Mistake {
  const offset = opening(doc, error, text);
  if (offset !== undefined) {
    return hiddenEnd(text, offset) ?? { offset, message: unclosed(text[offset] ?? '') };
  }
  const at = error.pos[0];
  return (
    lineMistake(text, at) ??
    betweenItems(error, text) ??
    tooDeep(error, text) ??
    dashElsewhere(error, text) ?? { offset: at, message: inWords(error) }
  );
}

/** The offset of the quote or bracket that is not closed. The parser reports only where it stopped. */
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

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '{': '}', '"': '"', "'": "'" };

function unclosed(open: string): string {
  const close = CLOSING[open];
  if (open === '"' || open === "'") {
    return `a ${open} opened here is not closed, expected another ${close} at the end of the text`;
  }
  return `a ${open} opened here is not closed, expected its ${close} before the next line begins further left`;
}

/** A `#` behind a space, which makes the rest of the line a comment, so that the bracket is not closed. */
function hiddenEnd(text: string, start: number): Mistake | undefined {
  const line = lineAt(text, start);
  const [bare = ''] = [line.text.replaceAll(/"[^"]*"|'[^']*'/g, (one) => '_'.repeat(one.length))];
  const from = start - line.start;
  const found = /(?<=[\s[{,])#[^\s,\]}]*/.exec(bare.slice(from));
  if (!found || !'[{'.includes(text[start] ?? ' ')) return undefined;
  const [, key = ''] = /([\w-]+)["']?:\s*$/.exec(text.slice(line.start, start + found.index)) ?? [];
  const message = `a # after a space begins a comment, so the ${text[start]} before it is not closed, expected quotes around the text: '${isSecretKey(key) ? '#…' : found[0]}'`;

  return { offset: start + found.index, message };
}

function lineAt(text: string, offset: number): { readonly start: number; readonly text: string } {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return { start, text: text.slice(start, end === -1 ? text.length : end) };
}

/** Items of a list or map in brackets without the comma between them. */
function betweenItems({ code, pos, message }: YAMLError, text: string): Mistake | undefined {
  const [at] = pos;
  if (code === 'BLOCK_IN_FLOW' || code === 'MULTILINE_IMPLICIT_KEY') {
    const next = /(?<=[^\s,:])\s+("[^"\n]*"|[\w.-]+)\s*:(?=\s|$)/.exec(text.slice(at, at + 400));
    const inFlow = code === 'BLOCK_IN_FLOW' || /^\s*"/.test(text.slice(at, at + 400));
    if (!inFlow) return undefined;
    if (!next) {
      return { offset: at, message: 'a value with ": " in it, expected quotes around the text' };
    }
    const offset = at + next.index + next[0].search(/\S/);
    return { offset, message: `no comma before ${next[1]}, expected one between two items` };
  }
  if (code !== 'UNEXPECTED_TOKEN') return undefined;
  if (message.startsWith('Unexpected , ')) {
    return {
      offset: at,
      message: 'a comma with nothing before it, expected one between two items',
    };
  }
  if (/flow-(map|seq)-end/.test(message)) {
    const found = text[at] ?? '';
    return { offset: at, message: `a ${found} that closes nothing, expected one ${found} less` };
  }
  if (!/^Unexpected .* at node end/.test(message)) return undefined;
  const before = text.slice(0, at).trimEnd().at(-1) ?? '';
  if (before === "'" || before === '"') {
    const inside = before === "'" ? "'' for a ' inside the text" : '\\" for a " inside the text';
    return { offset: at, message: `text after the closing ${before}, expected ${inside}` };
  }
  const sort = before === '}' || before === ']' ? `after the closing ${before}` : 'after the value';
  return { offset: at, message: `text ${sort}, expected nothing there, or quotes around it all` };
}

/** A line that is indented further than the one above it, which has a value already. */
function tooDeep({ code, pos }: YAMLError, text: string): Mistake | undefined {
  if (code !== 'BLOCK_AS_IMPLICIT_KEY') return undefined;
  const line = lineAt(text, pos[0]);
  if ([...line.text.matchAll(/:(?=\s|$)/g)].length > 1) return undefined;
  const next = line.start + line.text.length + 1;
  const indent = /^[ ]*/.exec(text.slice(next))?.[0].length ?? 0;
  const message =
    'indented further than the line above it, which has its value already, expected the keys of one map in one column';
  return { offset: next + indent, message };
}

/** A list item whose dash is not below the dash of the item above. */
function dashElsewhere({ code, pos }: YAMLError, text: string): Mistake | undefined {
  const [offset] = pos;
  if (code !== 'MULTILINE_IMPLICIT_KEY' || !/^-\s/.test(text.slice(offset))) return undefined;
  const message =
    'a dash in another column than those of the list above, expected all dashes of a list in one column';
  return { offset, message };
}

/** The message for an error of the parser. */
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
      return 'indented differently from the lines around it, expected the keys of one map in one column, those of a list item below the first key after its dash';
    case 'BAD_SCALAR_START':
      return `a text can't begin with ${error.message.at(-1)}, expected quotes around it`;
    case 'MISSING_CHAR':
      return 'a list item without its dash, or a key that is not in the column of its neighbours, expected a dash, or the same column';
    case 'TAG_RESOLVE_FAILED':
      return `${error.message.replace('Unresolved tag: ', '')} is a tag of YAML and means nothing here, expected the value itself, in quotes if it begins with !`;
    case 'BAD_ALIAS':
      return "a * begins an alias of YAML, expected quotes around text with it; for all topics '#', for every network interface 0.0.0.0";
    case 'BAD_DQ_ESCAPE':
      return 'a \\ in double quotes begins an escape, expected single quotes around the text, or / between folders';
    default:
      return `not YAML: ${error.message}, expected lines such as "key: value"`;
  }
}
