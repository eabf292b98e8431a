/** A payload as text. */
export interface PayloadText {
  readonly kind: 'empty' | 'json' | 'text' | 'binary';
  readonly text: string;
}

const PREVIEW_CHARACTERS = 120;
const PREVIEW_BYTES = 12;
const HEX_BYTES = 512;
const HEX_COLUMNS = 16;
/** JSON with more levels is shown as it was sent: its indentation would need too much memory. */
const DEEPEST = 32;

/** The payload in full: JSON with indentation, else the text, else the first bytes in hex. `isCut`: more bytes were sent. */
export function payloadText(payload: Uint8Array, isCut: boolean): PayloadText {
  if (payload.length === 0) return { kind: 'empty', text: '' };
  const text = textOf(payload, isCut);
  if (text === undefined) return { kind: 'binary', text: hex(payload.subarray(0, HEX_BYTES)) };
  const isJson = !isCut && /^\s*[[{]/.test(text) && isValid(text);
  return isJson ? { kind: 'json', text: indented(text) } : { kind: 'text', text };
}

/** The payload on one short line. */
export function payloadPreview(payload: Uint8Array, isCut: boolean): string {
  const text = textOf(payload, isCut);
  if (text === undefined) {
    const more = payload.length > PREVIEW_BYTES || isCut ? ' …' : '';
    return hex(payload.subarray(0, PREVIEW_BYTES)) + more;
  }
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return isCut || line.length > PREVIEW_CHARACTERS ? `${cut(line, PREVIEW_CHARACTERS)}…` : line;
}

/** The text with its first so many characters; no character is cut in two. */
export function cut(text: string, characters: number): string {
  return text.slice(0, characters).replace(/[\ud800-\udbff]$/, '');
}

/** Characters that have no shape, or that change the order of others, as their numbers: a text can't look like another. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Undefined for bytes that are no text. A character at the end that is cut is left out. */
function textOf(payload: Uint8Array, isCut: boolean): string | undefined {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const text = decoder.decode(payload, { stream: isCut });
    return /[^\P{Cc}\t\n\r]/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  const lines: string[] = [];
  for (let at = 0; at < digits.length; at += HEX_COLUMNS) {
    lines.push(digits.slice(at, at + HEX_COLUMNS).join(' '));
  }
  return lines.join('\n');
}

function isValid(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** Valid JSON with a line for each value. Numbers and names stay as they were sent: to parse them would change some. */
function indented(json: string): string {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
  let [made, level] = ['', 0];
  const line = (): string => `\n${'  '.repeat(level)}`;
  for (const [index, token] of tokens.entries()) {
    if (token === '{' || token === '[') {
      level += 1;
      if (level > DEEPEST) return json;
      const next = tokens[index + 1];
      made += next === '}' || next === ']' ? token : token + line();
    } else if (token === '}' || token === ']') {
      level -= 1;
      const before = tokens[index - 1];
      made += before === '{' || before === '[' ? token : line() + token;
    } else if (token === ',') made += token + line();
    else made += token === ':' ? ': ' : token;
  }
  return made;
}
