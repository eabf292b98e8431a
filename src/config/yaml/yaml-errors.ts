import { type Document, visit, type YAMLError } from 'yaml';

/** The offset of the quote or bracket that is not closed. The parser reports only where it stopped. */
export function opening(doc: Document, error: YAMLError, text: string): number | undefined {
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

/** The message for an error of the parser. */
export function inWords(error: YAMLError): string {
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
