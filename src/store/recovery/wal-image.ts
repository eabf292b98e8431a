import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { type Connection, openBytes } from '../database/sqlite.ts';

/** A database read into memory as it would be opened: its file with the committed frames of its WAL. */
export interface DatabaseImage {
  readonly bytes: Buffer;
  readonly pageSize: number;
  /** False when there is a WAL whose header can't be right: SQLite would pass over it without a word. */
  readonly walReadable: boolean;
}

/** More than this is not taken into memory. */
const LIMIT_BYTES = 1024 ** 3;
const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const DEFAULT_PAGE = 4096;

/** Reads the database without touching it; needs no right to write. Throws when it is larger than 1 GiB. */
export function readImage(file: string): DatabaseImage {
  const main = readPart(file);
  const wal = readPart(`${file}-wal`);
  const ownSize = main.length >= 18 ? main.readUInt16BE(16) : 0;
  const pageSize = isPageSize(ownSize) ? ownSize : ownSize === 1 ? 65_536 : DEFAULT_PAGE;
  if (wal.length === 0) return { bytes: main, pageSize, walReadable: true };
  const frames = readWal(wal);
  if (!frames) return { bytes: main, pageSize, walReadable: false };
  if (frames.pages.size === 0) return { bytes: main, pageSize, walReadable: true };
  const bytes = Buffer.alloc(frames.count * frames.pageSize);
  main.copy(bytes);
  for (const [page, content] of frames.pages) {
    if (page <= frames.count) content.copy(bytes, (page - 1) * frames.pageSize);
  }
  return { bytes, pageSize: frames.pageSize, walReadable: true };
}

/** Whether a WAL stands beside the file that SQLite would pass over as if it were empty. */
export function isWalUnreadable(file: string): boolean {
  const wal = `${file}-wal`;
  if (!existsSync(wal)) return false;
  const bytes = readPart(wal);
  // Too short or all zeros: made just before the power failed, nothing was in it yet.
  return (
    bytes.length >= WAL_HEADER && walHeader(bytes) === undefined && bytes.some((one) => one > 0)
  );
}

/** A connection to the image; changes stay in memory. */
export function openImage({ bytes }: DatabaseImage): Connection {
  const copy = Buffer.from(bytes);
  // Versions 1 in the header say rollback journal: in memory there is no WAL.
  copy[18] = 1;
  copy[19] = 1;
  return openBytes(copy);
}

function readPart(file: string): Buffer {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile()) return Buffer.alloc(0);
  if (stats.size > LIMIT_BYTES) throw new Error(`${file} is too large to be read into memory`);
  try {
    return readFileSync(file);
  } catch {
    return readPatchy(file, stats.size);
  }
}

/** A file with places that the disk does not give back any more: zeros stand there. */
function readPatchy(file: string, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  const handle = openSync(file, 'r');
  for (let at = 0; at < size; at += DEFAULT_PAGE) {
    try {
      readSync(handle, bytes, at, Math.min(DEFAULT_PAGE, size - at), at);
    } catch {
      // Zeros make no sense as a page: its rows are missed and told.
    }
  }
  closeSync(handle);
  return bytes;
}

function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

interface WalHeader {
  readonly littleEndian: boolean;
  readonly pageSize: number;
  readonly sums: readonly [number, number];
}

/** The header [SQLite file format, section 4.1]; undefined when its checksum is wrong. */
function walHeader(wal: Buffer): WalHeader | undefined {
  if (wal.length < WAL_HEADER) return undefined;
  const magic = wal.readUInt32BE(0);
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return undefined;
  const littleEndian = magic === 0x377f0682;
  const sums = checksum(wal, 0, 24, littleEndian, [0, 0]);
  if (sums[0] !== wal.readUInt32BE(24) || sums[1] !== wal.readUInt32BE(28)) return undefined;
  const pageSize = wal.readUInt32BE(8);
  return isPageSize(pageSize) ? { littleEndian, pageSize, sums } : undefined;
}

/** The latest committed content of each page, and how many pages the database has then. */
function readWal(
  wal: Buffer,
): { pages: Map<number, Buffer>; count: number; pageSize: number } | undefined {
  const header = walHeader(wal);
  if (!header) return undefined;
  const { littleEndian, pageSize } = header;
  const pages = new Map<number, Buffer>();
  const uncommitted = new Map<number, Buffer>();
  let { sums } = header;
  let count = 0;
  for (let at = WAL_HEADER; ; at += FRAME_HEADER + pageSize) {
    const end = at + FRAME_HEADER + pageSize;
    if (end > wal.length) break;
    // Frames of an earlier use of the file carry other salts.
    if (wal.compare(wal, 16, 24, at + 8, at + 16) !== 0) break;
    sums = checksum(wal, at, at + 8, littleEndian, sums);
    sums = checksum(wal, at + FRAME_HEADER, end, littleEndian, sums);
    if (sums[0] !== wal.readUInt32BE(at + 16) || sums[1] !== wal.readUInt32BE(at + 20)) break;
    uncommitted.set(wal.readUInt32BE(at), wal.subarray(at + FRAME_HEADER, end));
    const pagesAfterCommit = wal.readUInt32BE(at + 4);
    if (pagesAfterCommit === 0) continue;
    for (const [page, content] of uncommitted) pages.set(page, content);
    uncommitted.clear();
    count = pagesAfterCommit;
  }
  return { pages, count, pageSize };
}

function checksum(
  bytes: Buffer,
  start: number,
  end: number,
  littleEndian: boolean,
  [first, second]: readonly [number, number],
): [number, number] {
  let [one, two] = [first, second];
  for (let at = start; at < end; at += 8) {
    const low = littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    const high = littleEndian ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4);
    one = (one + low + two) >>> 0;
    two = (two + high + one) >>> 0;
  }
  return [one, two];
}
