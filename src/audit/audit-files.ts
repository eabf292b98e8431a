import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../base/replaced-file.ts';

/** What is kept apart from the lines: the last one, so that a cut end is found, and the first one that is left. */
export interface AuditEnd {
  /** The number of the last line; 0 if there is none. */
  readonly count: number;
  /** The hash of the last line. */
  readonly hash: string;
  /** The number of the first line that is left, and the hash of the line before it. */
  readonly first: number;
  readonly firstPrevious: string;
  /** SHA-256 of the text of the config in force. */
  readonly config?: string | undefined;
}

/** A file of lines; its name has the number of its first line. */
export interface AuditFile {
  readonly name: string;
  readonly first: number;
}

const NAME = /^(\d{8,15})\.jsonl$/;
const MODE = 0o640;
const NEW = '.new';

export function auditFolder(data: string): string {
  return join(data, 'audit');
}

/** Beside the folder of the lines, so that it is left when the folder is deleted. */
export function endFile(data: string): string {
  return join(data, 'audit.end');
}

export function fileName(first: number): string {
  return `${String(first).padStart(8, '0')}.jsonl`;
}

/** The files of lines, oldest first; none if there is no folder. */
export async function auditFiles(data: string): Promise<readonly AuditFile[]> {
  const names = await readdir(auditFolder(data)).catch(ifMissing([]));
  return names
    .flatMap((name) => {
      const [, first] = NAME.exec(name) ?? [];
      return first === undefined ? [] : [{ name, first: Number(first) }];
    })
    .sort((a, b) => a.first - b.first);
}

/** Undefined if there is no such file; `damaged` if it has no end in it. */
export async function readEnd(data: string): Promise<AuditEnd | 'damaged' | undefined> {
  const text = await readFile(endFile(data), 'utf8').catch(ifMissing(undefined));
  if (text === undefined) return undefined;
  try {
    const end = JSON.parse(text) as AuditEnd;
    const isEnd =
      Number.isSafeInteger(end.count) &&
      Number.isSafeInteger(end.first) &&
      typeof end.hash === 'string' &&
      typeof end.firstPrevious === 'string';
    return isEnd ? end : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** Resolves when it is on disk. */
export async function writeEnd(data: string, end: AuditEnd): Promise<void> {
  const file = endFile(data);
  const next = `${file}${NEW}`;
  try {
    const handle = await open(next, 'w', MODE);
    try {
      await handle.writeFile(`${JSON.stringify(end)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/**
 * Appends text to a file, which is created where it is missing. Resolves with its size from before when the text is on
 * disk; where that fails the file has this size again, if the disk allows it.
 */
export async function appendText(data: string, name: string, text: string): Promise<number> {
  const folder = auditFolder(data);
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const handle = await open(join(folder, name), 'a', MODE);
  let size: number;
  try {
    ({ size } = await handle.stat());
    try {
      await handle.writeFile(text);
      await handle.sync();
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      throw error;
    }
  } finally {
    await handle.close();
  }
  if (size === 0) {
    await syncFolder(folder);
    await syncFolder(data);
  }
  return size;
}

/** Shortens a file of lines to this size; resolves when it is on disk. */
export async function shortenFile(data: string, name: string, size: number): Promise<void> {
  const handle = await open(join(auditFolder(data), name), 'r+');
  try {
    await handle.truncate(size);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ifMissing<Value>(value: Value) {
  return (error: NodeJS.ErrnoException): Value => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
