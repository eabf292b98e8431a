import { isUtf8 } from 'node:buffer';
import type { DatabasePages } from './database-pages.ts';

/** A row as it is stored in a page; `rowid` only in tables that have one. */
export interface RawRow {
  readonly rowid: number | undefined;
  readonly values: readonly unknown[];
  /** False where the last value ends before a damaged overflow page; what is there is right. */
  readonly whole: boolean;
}

/** The rows of one page, and the number of its cells that can't be read. */
export interface PageRows {
  readonly rows: readonly RawRow[];
  readonly unreadable: number;
}

/** A child of an interior page; the rowids under it are at most `last`, which only tables with a rowid have. */
export interface Child {
  readonly page: number;
  readonly last: bigint | undefined;
}

/** Page types [SQLite file format, section 1.6]. */
const TABLE_INTERIOR = 0x05;
const TABLE_LEAF = 0x0d;
const INDEX_INTERIOR = 0x02;
const INDEX_LEAF = 0x0a;

/** Whether the page is of a tree of this kind: of rows with a rowid, or of an index or a table without. */
export function isOfTree(bytes: Buffer, page: number, hasRowid: boolean): boolean {
  const type = bytes[headerAt(page)];
  const fits = hasRowid
    ? type === TABLE_LEAF || type === TABLE_INTERIOR
    : type === INDEX_LEAF || type === INDEX_INTERIOR;
  return fits && cellsOf(bytes, page) !== undefined;
}

/** The rows of a page; none where it is no page of rows. */
export function rowsOf(pages: DatabasePages, page: number): PageRows {
  const bytes = pages.read(page);
  const type = bytes?.[headerAt(page)];
  const cells = bytes && type !== TABLE_INTERIOR ? cellsOf(bytes, page) : undefined;
  if (!bytes || !cells) return { rows: [], unreadable: 0 };
  const rows: RawRow[] = [];
  for (const at of cells) {
    try {
      const begin = at + (type === INDEX_INTERIOR ? 4 : 0);
      rows.push(readCell(pages, bytes, begin, type === TABLE_LEAF));
    } catch {
      // Not a row.
    }
  }
  return { rows, unreadable: cells.length - rows.length };
}

/** The children of an interior page, in order; none of a leaf page. */
export function childrenOf(bytes: Buffer, page: number): readonly Child[] {
  const header = headerAt(page);
  const type = bytes[header];
  if (type !== TABLE_INTERIOR && type !== INDEX_INTERIOR) return [];
  const children = (cellsOf(bytes, page) ?? []).map((at): Child => {
    const last = type === TABLE_INTERIOR ? wideVarint(bytes, at + 4) : undefined;
    return { page: bytes.readUInt32BE(at), last };
  });
  return [...children, { page: bytes.readUInt32BE(header + 8), last: undefined }];
}

/** The first page begins with the header of the database. */
const headerAt = (page: number): number => (page === 1 ? 100 : 0);

/** The offsets of a page's cells; undefined if one of them can't be right. */
function cellsOf(bytes: Buffer, page: number): readonly number[] | undefined {
  const header = headerAt(page);
  const type = bytes[header];
  const isInterior = type === TABLE_INTERIOR || type === INDEX_INTERIOR;
  if (!isInterior && type !== TABLE_LEAF && type !== INDEX_LEAF) return undefined;
  const count = bytes.readUInt16BE(header + 3);
  const pointers = header + (isInterior ? 12 : 8);
  if (pointers + count * 2 > bytes.length) return undefined;
  const cells = Array.from({ length: count }, (_, n) => bytes.readUInt16BE(pointers + n * 2));
  const isRight = (at: number): boolean => at >= pointers + count * 2 && at <= bytes.length - 4;
  return cells.every(isRight) ? cells : undefined;
}

function readCell(pages: DatabasePages, bytes: Buffer, begin: number, isTable: boolean): RawRow {
  const [length, afterLength] = varint(bytes, begin);
  let at = afterLength;
  let rowid: number | undefined;
  if (isTable) [rowid, at] = varint(bytes, at);
  const record = payload(pages, bytes, at, length, isTable);
  return { rowid, ...decode(record, length) };
}

/**
 * A cell's payload, including the part on overflow pages [section 1.6: P, X, M and K]. It ends early at a page that
 * does not lead to the next one, or that leads on although it is the last: such a page is damaged itself.
 */
function payload(
  pages: DatabasePages,
  bytes: Buffer,
  at: number,
  length: number,
  isTable: boolean,
): Buffer {
  const { pageSize, count } = pages;
  const most = isTable ? pageSize - 35 : Math.floor(((pageSize - 12) * 64) / 255) - 23;
  if (length > count * pageSize) throw new RangeError('longer than the file');
  if (length <= most) {
    if (at + length > bytes.length) throw new RangeError('beyond its page');
    return bytes.subarray(at, at + length);
  }
  const least = Math.floor(((pageSize - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (pageSize - 4));
  const local = fitting <= most ? fitting : least;
  if (at + local + 4 > bytes.length) throw new RangeError('beyond its page');
  const parts = [bytes.subarray(at, at + local)];
  let missing = length - local;
  let next = bytes.readUInt32BE(at + local);
  while (missing > 0) {
    const page = pages.read(next);
    if (!page) break;
    const part = page.subarray(4, Math.min(pageSize, 4 + missing));
    next = page.readUInt32BE(0);
    missing -= part.length;
    const leadsOn = next > 1 && next <= count;
    if (missing > 0 ? !leadsOn : next !== 0) break;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** A record's values [section 2.1]; the last one is cut off where the record is. */
function decode(record: Buffer, fullLength: number): Pick<RawRow, 'values' | 'whole'> {
  const values: unknown[] = [];
  const [headerEnd, afterHeader] = varint(record, 0);
  let header = afterHeader;
  let at = headerEnd;
  while (header < headerEnd) {
    let type: number;
    [type, header] = varint(record, header);
    const length =
      type >= 12 ? (type - (type % 2 === 0 ? 12 : 13)) / 2 : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type]!;
    const isCut = at + length > record.length;
    if (isCut && (header < headerEnd || type < 12)) throw new RangeError('ends too early');
    values.push(decodeValue(record.subarray(at, at + length), type));
    at += length;
  }
  if (header !== headerEnd || at !== fullLength) throw new RangeError('not a record');
  return { values, whole: record.length === fullLength };
}

/** Text that is not UTF-8 stays bytes. */
function decodeValue(bytes: Buffer, type: number): unknown {
  if (type >= 12) return type % 2 === 1 && isUtf8(bytes) ? bytes.toString() : bytes;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 6) return Number(bytes.readBigInt64BE(0));
  if (type >= 8) return type - 8;
  return type === 0 ? null : bytes.readIntBE(0, bytes.length);
}

function varint(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let n = 0; n < 8; n++) {
    const byte = bytes.readUInt8(at + n);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + n + 1];
  }
  return [value * 256 + bytes.readUInt8(at + 8), at + 9];
}

/** A rowid of up to 64 bits. */
function wideVarint(bytes: Buffer, at: number): bigint {
  let value = 0n;
  for (let n = 0; n < 8; n++) {
    const byte = bytes[at + n] ?? 0;
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return (value << 8n) | BigInt(bytes[at + 8] ?? 0);
}
