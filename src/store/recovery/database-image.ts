import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { type Connection, openBytes } from '../database/sqlite.ts';
import { isPageSize, WalReader } from './wal-reader.ts';

/** A database read into memory as SQLite would open it: its file with the committed frames of its write-ahead log. */
export interface DatabaseImage {
  readonly bytes: Buffer;
  readonly pageSize: number;
  /** False if there is a write-ahead log with an invalid header: SQLite would ignore it without an error. */
  readonly walReadable: boolean;
}

/** Larger files are not read into memory. */
const LIMIT_BYTES = 1024 ** 3;
const WAL_HEADER_BYTES = 32;
const DEFAULT_PAGE_BYTES = 4096;

/** Reads the database without changing it; read permission is enough. Throws when a file is larger than 1 GiB. */
export function readImage(file: string): DatabaseImage {
  const main = readPart(file);
  const log = readPart(`${file}-wal`);
  const pageSize = headerPageSize(main);
  if (log.length === 0) return { bytes: main, pageSize, walReadable: true };
  const reader = WalReader.open(log);
  if (!reader) return { bytes: main, pageSize, walReadable: false };
  const { pages, count } = reader.readCommitted();
  if (pages.size === 0) return { bytes: main, pageSize, walReadable: true };
  const bytes = Buffer.alloc(count * reader.pageSize);
  main.copy(bytes);
  for (const [page, content] of pages) {
    if (page <= count) content.copy(bytes, (page - 1) * reader.pageSize);
  }
  return { bytes, pageSize: reader.pageSize, walReadable: true };
}

/** Whether the file has a write-ahead log that SQLite would ignore as if it were empty. */
export function isWalUnreadable(file: string): boolean {
  const log = `${file}-wal`;
  if (!existsSync(log)) return false;
  const bytes = readPart(log);
  // Too short or all zeros: it was created just before the power failed and contained nothing yet.
  return (
    bytes.length >= WAL_HEADER_BYTES &&
    WalReader.open(bytes) === undefined &&
    bytes.some((byte) => byte > 0)
  );
}

/** A connection to the image; changes stay in memory. */
export function openImage({ bytes }: DatabaseImage): Connection {
  const copy = Buffer.from(bytes);
  // Versions 1 in the header mean a rollback journal: a database in memory has no write-ahead log.
  copy[18] = 1;
  copy[19] = 1;
  return openBytes(copy);
}

/** The page size in the database header [SQLite file format, section 1.3.2], where 1 means 65,536. */
function headerPageSize(main: Buffer): number {
  const size = main.length >= 18 ? main.readUInt16BE(16) : 0;
  if (size === 1) return 65_536;
  return isPageSize(size) ? size : DEFAULT_PAGE_BYTES;
}

function readPart(file: string): Buffer {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile()) return Buffer.alloc(0);
  if (stats.size > LIMIT_BYTES) throw new Error(`${file} is too large to be read into memory`);
  try {
    return readFileSync(file);
  } catch {
    return readPages(file, stats.size);
  }
}

/** Reads a file page by page, with zeros for the pages that the disk can't read. */
function readPages(file: string, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const handle = openSync(file, 'r');
  for (let at = 0; at < size; at += DEFAULT_PAGE_BYTES) {
    try {
      readSync(handle, bytes, at, Math.min(DEFAULT_PAGE_BYTES, size - at), at);
    } catch {
      // A page of zeros is not valid: its rows are counted as unreadable.
    }
  }
  closeSync(handle);
  return bytes;
}
