import { isSecretKey } from '../../base/secrets.ts';
import { inAscii, lookAlikes } from './look-alikes.ts';

/** A mistake in the form of a text: where, and what to write. */
export interface Mistake {
  readonly offset: number;
  readonly message: string;
}

/** A form of line that is not YAML, with what is wrong in words; the match begins where the mistake is. */
type Form = readonly [form: RegExp, say: (found: RegExpExecArray) => string];

const FORMS: readonly Form[] = [
  [
    /^\s*(<{7}|={7}|>{7})/,
    ([, mark]) =>
      `${mark} is the mark of an unfinished merge, expected one of the two versions: remove the marks`,
  ],
  [/^\s*(\/\/|--(?!-)|;)/, ([, mark]) => `found ${mark}, expected # before a comment`],
  [/^\s*(\/\*|\*\/)/, ([, mark]) => `found ${mark}, expected # before each line of a comment`],
  [
    /^\s*([‐‑‒–—―−•·*+])\s+(?=[\w"'{[])/,
    ([, mark = '']) => `found ${mark}${code(mark)}, expected a hyphen before a list item: "- "`,
  ],
  [
    /^\s*-([A-Za-z_][\w.-]*:(?:\s.*)?)$/,
    ([, rest = '']) => `no space after the dash, expected "- ${rest.trimEnd()}"`,
  ],
  [
    /^\s*(?:- )?\([^()]*:\s[^()]*\)/,
    () => 'found ( and ), expected { and } around a map, [ and ] around a list',
  ],
  [
    /^\s*(?:- )?([A-Za-z_][\w.-]*)\s*:?=\s*(.*)$/,
    ([, key, value = '']) =>
      `found "${key} =", expected a colon and a space: "${key}: ${bare(value, key)}"`,
  ],
  [
    /^\s*\[([A-Za-z][\w. -]*)\]\s*$/,
    ([, name]) => `found [${name}], expected "${name}:", with its keys indented below it`,
  ],
  [
    /^\s*(?:- )?([A-Za-z_][\w.-]*):([^\s:/\\][^:]*)$/,
    ([, key, value = '']) => `no space after the colon, expected "${key}: ${bare(value, key)}"`,
  ],
  [/;\s*$/, () => 'found ; at the end of the line, expected nothing there'],
];

const FULL_WIDTH = /[\uff01-\uff5e“”„‘’∶]/u;

/** What is wrong with the form of the line that the parser could not take; undefined if none of the known forms fits. */
export function lineMistake(text: string, at: number): Mistake | undefined {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(start, end === -1 ? text.length : end).replace(/\r$/, '');
  for (const [form, say] of FORMS) {
    const found = form.exec(line);
    if (!found) continue;
    const indent = /^\s*/.exec(found[0])?.[0].length ?? 0;
    return { offset: start + found.index + indent, message: say(found) };
  }
  const wide = FULL_WIDTH.exec(line);
  if (!wide) return undefined;
  const message = `${lookAlikes(wide[0])} and means nothing to YAML, expected ${inAscii(wide[0])}`;
  return { offset: start + wide.index, message };
}

function code(mark: string): string {
  const said = lookAlikes(mark);
  return said === '' ? '' : ` (${said})`;
}

/** The value without its marks; `…` for a secret. */
function bare(value: string, key = ''): string {
  if (isSecretKey(key)) return '…';
  return value
    .trim()
    .replace(/[;,]$/, '')
    .replaceAll(/^["']|["']$/g, '')
    .slice(0, 40);
}
