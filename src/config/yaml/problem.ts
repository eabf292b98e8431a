import { maskUrls } from '../../base/secrets.ts';

const BOLD = '\u001b[1m';
const CYAN = '\u001b[36m';
const PLAIN = '\u001b[0m';

/** The keys and indexes that lead to a value in the config, e.g. `['sensors', 0, 'every']`. */
export type Path = readonly PropertyKey[];

/** A problem of the value at `path`, or of its key; without a position in the file. */
export interface Finding {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** One problem of a config file. Lines and columns count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The key, e.g. `sensors[0].every`; `config` for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** `sensors[0].filters[1].median`; a key with unusual characters is quoted. */
export function formatPath(path: Path): string {
  if (path.length === 0) return 'config';
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const word = String(part);
      const plain = /^[\w.-]{1,64}$/.test(word) ? word : JSON.stringify(shorten(word));
      return index === 0 ? plain : `.${plain}`;
    })
    .join('');
}

/** The text with its middle cut out when it is long, and without the password in a URL. */
export function shorten(text: string): string {
  const shown = maskUrls(text);
  return shown.length > 60 ? `${shown.slice(0, 40)}…${shown.slice(-10)}` : shown;
}

/** One line: `FILE:LINE:COL: path.to.key: what is wrong, what was expected`. */
export function formatProblem(problem: Problem, colour = false): string {
  const { file, line, column, path } = problem;
  const message = problem.message.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  if (!colour) return `${file}:${line}:${column}: ${path}: ${message}`;
  return `${BOLD}${file}:${line}:${column}:${PLAIN} ${CYAN}${path}:${PLAIN} ${message}`;
}

/** Compares by position in the file. */
export function byPosition(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column || a.path.localeCompare(b.path, 'en');
}
