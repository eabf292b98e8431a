import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { isPageSize, WalReader } from './wal-reader.ts';

/** The pages of a database as SQLite would see them: those of its file under the committed frames of its write-ahead log. */
export interface DatabasePages {
  readonly pageSize: number;
  readonly count: number;
  /** False if there is a write-ahead log with an invalid header: SQLite would ignore it without an error. */
  readonly walReadable: boolean;
  /** Whether frames behind a damaged frame of the log are used, which SQLite would ignore without an error. */
  readonly walDamaged: boolean;
  /** A page by its number, from 1; undefined where the disk can't read it or the database has no such page. */
  read(page: number): Buffer | undefined;
  close(): void;
}

/** A larger write-ahead log is not read into memory. */
const LIMIT_BYTES = 1024 ** 3;
const WAL_HEADER_BYTES = 32;
const DEFAULT_PAGE_BYTES = 4096;

/**
 * Opens a database for reading, damaged or not; a missing one, or what is no file, has no pages. With `beyondDamage`
 * the pages are also those behind a damaged frame of the log, which need not fit together.
 */
export function openPages(file: string, beyondDamage = false): DatabasePages {
  const size = sizeOf(file);
  const handle = size > 0 ? openSync(file, 'r') : undefined;
  const readAt = (at: number, length: number): Buffer | undefined => {
    const bytes = Buffer.allocUnsafe(length);
    try {
      if (handle === undefined || readSync(handle, bytes, 0, length, at) < length) return undefined;
      return bytes;
    } catch {
      return undefined;
    }
  };
  const log = readLog(file);
  const reader = log.length > 0 ? WalReader.open(log) : undefined;
  const beyond = beyondDamage ? WalReader.open(log)?.readBeyondDamage() : undefined;
  const committed = beyond ?? reader?.readCommitted();
  const pageSize = (committed?.count && reader?.pageSize) || headerPageSize(readAt(0, 100));
  const count = committed?.count || Math.floor(size / pageSize);
  return {
    pageSize,
    count,
    walReadable: log.length === 0 || reader !== undefined,
    walDamaged: beyond !== undefined,
    read(page) {
      if (page < 1 || page > count) return undefined;
      return committed?.pages.get(page) ?? readAt((page - 1) * pageSize, pageSize);
    },
    close() {
      if (handle !== undefined) closeSync(handle);
    },
  };
}

/** The pages of a database in memory. */
export function pagesIn(bytes: Buffer): DatabasePages {
  const pageSize = headerPageSize(bytes);
  const count = Math.floor(bytes.length / pageSize);
  return {
    pageSize,
    count,
    walReadable: true,
    walDamaged: false,
    read(page) {
      if (page < 1 || page > count) return undefined;
      return bytes.subarray((page - 1) * pageSize, page * pageSize);
    },
    close: () => undefined,
  };
}

/** The fault of a write-ahead log that SQLite would ignore, all of it or the commits behind a damaged frame. */
export function walFault(file: string): string | undefined {
  const bytes = readLog(file);
  // Too short or all zeros: it was created just before the power failed and contained nothing yet.
  if (bytes.length < WAL_HEADER_BYTES || bytes.every((byte) => byte === 0)) return undefined;
  const reader = WalReader.open(bytes);
  if (!reader) return 'the head of its write-ahead log is unreadable';
  return reader.readBeyondDamage() && 'a frame of its write-ahead log is damaged';
}

/** Bytes of a file; 0 if it is missing or is no file. */
export function sizeOf(file: string): number {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats?.isFile() ? stats.size : 0;
}

function readLog(file: string): Buffer {
  const log = `${file}-wal`;
  const size = sizeOf(log);
  if (size > LIMIT_BYTES) throw new Error(`${log} is too large to be read into memory`);
  return size === 0 ? Buffer.alloc(0) : readFileSync(log);
}

/** The page size in the database header [SQLite file format, section 1.3.2], where 1 means 65,536. */
function headerPageSize(header: Buffer | undefined): number {
  const size = header?.readUInt16BE(16) ?? 0;
  if (size === 1) return 65_536;
  return isPageSize(size) ? size : DEFAULT_PAGE_BYTES;
}
