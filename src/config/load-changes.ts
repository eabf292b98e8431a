import path from 'node:path';
import type { Drivers } from '../driver-kit/driver.ts';
import { type ChangedLines, changedLines } from './changed-lines.ts';
import { type LoadResult, loadConfig } from './load.ts';
import { readText } from './yaml/text-file.ts';

/** What to load. */
export interface LoadRequest {
  /** Replaces the text of the file. */
  readonly text?: string | undefined;
  /** The text of the config in force, to compare with. */
  readonly before?: string | undefined;
}

export type LoadedChanges = LoadResult & {
  /** The text that was loaded; undefined if the file can't be read. */
  readonly text: string | undefined;
  /** What differs from the text of the config in force. */
  readonly changed: ChangedLines;
};

const NO_CHANGES: ChangedLines = { before: [], after: [] };

/** The same as `loadConfig`, with its text and what has changed in it. Does not throw, whatever the text contains. */
export async function loadWithChanges(
  file: string,
  drivers: Drivers,
  cwd: string = process.cwd(),
  request: LoadRequest = {},
): Promise<LoadedChanges> {
  const text = request.text ?? (await textOf(path.resolve(cwd, file)));
  const result = await loadConfig(file, drivers, cwd, text);
  const { before } = request;
  const isOther = before !== undefined && text !== undefined && before !== text;
  return { ...result, text, changed: isOther ? changedLines(before, text) : NO_CHANGES };
}

async function textOf(file: string): Promise<string | undefined> {
  const read = await readText(file);
  return 'text' in read ? read.text : undefined;
}
