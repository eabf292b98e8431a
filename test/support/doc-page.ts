import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './gateway.ts';

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** The text of the block after it, if that is its output. */
  readonly output: string | undefined;
  /** The heading above it. */
  readonly heading: string;
}

/** The text of a page of docs. */
export function readPage(file: string): string {
  return readFileSync(join(REPOSITORY, 'docs', file), 'utf8');
}

/** All fenced blocks of a page but outputs, in their order. */
export function blocksOf(page: string): Block[] {
  const found = [...page.matchAll(/^## (.*)$|^```(\w*)\n([\s\S]*?)^```$/gm)];
  let heading = '';
  return found.flatMap(([, title, language, text = ''], index) => {
    if (title !== undefined) heading = title;
    if (title !== undefined || language === 'output') return [];
    const next = found[index + 1];
    const output = next?.[2] === 'output' ? next[3] : undefined;
    return [{ language: language ?? '', text, output, heading }];
  });
}

/** The rows of all tables of a page whose header begins so, cell by cell. */
export function rowsOf(page: string, header: string): string[][] {
  const lines = page.split('\n');
  const starts = lines.flatMap((line, index) => (line.startsWith(header) ? [index + 2] : []));
  return starts.flatMap((start) => {
    const length = lines.slice(start).findIndex((line) => !line.startsWith('|'));
    return lines.slice(start, start + length).map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
  });
}
