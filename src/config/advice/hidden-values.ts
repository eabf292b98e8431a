import { isSecretKey } from '../../base/secrets.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import type { Source } from '../yaml/source.ts';

/** The message for a value that is empty because it begins with `#`; undefined if it does not. */
export function commented(source: Source, path: Path): string | undefined {
  if (isSecretKey(String(path.at(-1)))) return undefined;
  const { line, column } = source.locate(path, 'key');
  const rest = source.textOf(line).slice(column - 1);
  const [, text = ''] = /^[^:]+:\s+(#[^\s,}\]]*)/.exec(rest) ?? [];
  if (text === '') return undefined;
  return `empty, as a # after a space begins a comment, expected quotes around the text: '${text}'`;
}

/**
 * The finding for a number such as `0,05` in brackets: YAML ends the value at the comma. `path` is that of the part before
 * or behind it, `at` whether it is a value or has become a key.
 */
export function splitNumber(source: Source, path: Path, at: 'key' | 'value'): Finding | undefined {
  if (isSecretKey(String(path.at(-1)))) return undefined;
  const { line, column } = source.locate(path, at);
  const text = source.textOf(line);
  const [before, after] = [text.slice(0, column - 1), text.slice(column - 1)];
  const written = source.written(path);
  const [left] = /:\s*-?\d+$/.test(before) ? [] : (/^-?\d+,\d+[\w%°]*/.exec(after) ?? []);
  if (left !== undefined && /:\s*$/.test(before) && /^-?\d+$/.test(written ?? '')) {
    return said(path, left);
  }
  const [, number] = /:\s*(-?\d+),$/.exec(before) ?? [];
  const [rest] = /^\d+[\w%°]*/.exec(after) ?? [];
  const whose = neighbour(source, path);
  if (number === undefined || rest === undefined || whose === undefined) return undefined;
  return said(whose, `${number},${rest}`);
}

function said(path: Path, whole: string): Finding {
  if (isSecretKey(String(path.at(-1)))) {
    const message =
      'found a value with a comma, which ends it here, expected quotes around the text';
    return { path, at: 'value', message };
  }
  const message = `found ${whole}, and the comma ends the value here, expected a decimal point: ${whole.replace(',', '.')}`;
  return { path, at: 'value', message };
}

/** The path of the value before the one at the path: of the key before it, or of the only key of the item before it. */
function neighbour(source: Source, path: Path): Path | undefined {
  const around = path.slice(0, -1);
  const last = path.at(-1);
  if (typeof last === 'number') {
    const [key] = source.keys([...around, last - 1]).slice(-1);
    return key === undefined ? undefined : [...around, last - 1, key];
  }
  const keys = source.keys(around);
  const before = keys[keys.indexOf(String(last)) - 1];
  return before === undefined ? undefined : [...around, before];
}
