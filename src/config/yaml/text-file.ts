import { open, stat } from 'node:fs/promises';
import type { Position } from './source.ts';

/** The most bytes of a config: 5,000 sensors with eight lines of 100 bytes each. */
export const LIMIT_BYTES = 4 * 1024 * 1024;
const START: Position = { line: 1, column: 1 };

/** Why a file could not be read, and where. */
export interface Unreadable extends Position {
  readonly message: string;
}

/** Reads a file of UTF-8 text, at most 4 MiB. Returns the text, or the reason and its position. */
export async function readText(file: string): Promise<{ text: string } | Unreadable> {
  const read = await readTextFile(file);
  return 'text' in read ? { text: read.text } : read;
}

/** The same with the bytes of the file; its text is without a byte order mark. */
export async function readTextFile(
  file: string,
): Promise<{ text: string; bytes: Buffer } | Unreadable> {
  const problem = (message: string, position = START): Unreadable => ({ ...position, message });
  let bytes: Buffer;
  try {
    const found = await stat(file);
    if (found.isDirectory()) return problem('this is a folder, expected a YAML file');
    if (!found.isFile()) return problem('this is not a regular file, expected a YAML file');
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(
        Buffer.alloc(Math.min(found.size, LIMIT_BYTES) + 1),
      );
      bytes = buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isRefused = code === 'EACCES' || code === 'EPERM';
    const expected = isRefused ? 'a file that this user can read: try sudo' : 'a YAML file';
    return problem(`${describeFileError(error)}, expected ${expected}`);
  }
  if (bytes.length > LIMIT_BYTES)
    return problem('the file is larger than 4 MiB, expected a config');
  const utf16 = [0xfffe, 0xfeff].includes(bytes.length > 1 ? bytes.readUInt16BE(0) : 0);
  if (utf16) return problem('the file is UTF-16, expected UTF-8 text: save it again as UTF-8');
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), bytes };
  } catch {
    return problem(
      'not UTF-8 from here on, expected UTF-8 text: save it again as UTF-8',
      firstBadByte(bytes),
    );
  }
}

/** The error of the operating system about a file, as text. */
export function describeFileError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'not allowed to read the file';
  if (code === 'EISDIR') return 'it is a folder';
  return `could not read the file (${code ?? (error as Error).message})`;
}

function firstBadByte(bytes: Buffer): Position {
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, start);
    const row = bytes.subarray(start, end === -1 ? bytes.length : end);
    const text = row.toString('utf8');
    if (!Buffer.from(text).equals(row) || end === -1) {
      return { line, column: Math.max(text.indexOf('\ufffd'), 0) + 1 };
    }
    start = end + 1;
    line++;
  }
}
