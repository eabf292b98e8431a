/** A row as it is stored in a page; `rowid` only in tables that have one. */
export interface RawRow {
  readonly rowid: number | undefined;
  readonly values: readonly unknown[];
}

/** Page types [SQLite file format, section 1.6]. */
const TABLE_LEAF = 0x0d;
const INDEX_LEAF = 0x0a;
const INDEX_INTERIOR = 0x02;

/**
 * Every row in every page, found without the tree above it, because a page of the tree may be damaged.
 * Free pages are left out: their rows were deleted.
 */
export function* rawRows(bytes: Buffer, pageSize: number): Iterable<RawRow> {
  const free = freePages(bytes, pageSize);
  for (let page = 2; page * pageSize <= bytes.length; page++) {
    if (!free.has(page)) yield* pageRows(bytes, pageSize, page);
  }
}

function* pageRows(bytes: Buffer, pageSize: number, page: number): Iterable<RawRow> {
  const start = (page - 1) * pageSize;
  const type = bytes[start];
  if (type !== TABLE_LEAF && type !== INDEX_LEAF && type !== INDEX_INTERIOR) return;
  const header = type === INDEX_INTERIOR ? 12 : 8;
  const cells = bytes.readUInt16BE(start + 3);
  if (header + cells * 2 > pageSize) return;
  for (let cell = 0; cell < cells; cell++) {
    const at = bytes.readUInt16BE(start + header + cell * 2);
    if (at < header || at >= pageSize) continue;
    try {
      const begin = start + at + (type === INDEX_INTERIOR ? 4 : 0);
      yield readCell(bytes, pageSize, begin, type === TABLE_LEAF);
    } catch {
      // Not a row, or a row whose overflow pages are damaged.
    }
  }
}

function readCell(bytes: Buffer, pageSize: number, begin: number, isTable: boolean): RawRow {
  const [length, afterLength] = varint(bytes, begin);
  let at = afterLength;
  let rowid: number | undefined;
  if (isTable) [rowid, at] = varint(bytes, at);
  return { rowid, values: decode(payload(bytes, pageSize, at, length, isTable)) };
}

/** A cell's whole payload, including the part on overflow pages [section 1.6: P, X, M and K]. */
function payload(
  bytes: Buffer,
  pageSize: number,
  at: number,
  length: number,
  isTable: boolean,
): Buffer {
  const most = isTable ? pageSize - 35 : Math.floor(((pageSize - 12) * 64) / 255) - 23;
  if (length > bytes.length) throw new RangeError('longer than the file');
  if (length <= most) return bytes.subarray(at, at + length);
  const least = Math.floor(((pageSize - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (pageSize - 4));
  const local = fitting <= most ? fitting : least;
  const parts = [bytes.subarray(at, at + local)];
  let missing = length - local;
  let next = bytes.readUInt32BE(at + local);
  while (missing > 0) {
    const start = (next - 1) * pageSize;
    const part = bytes.subarray(start + 4, start + Math.min(pageSize, 4 + missing));
    if (part.length === 0) throw new RangeError('its overflow page is lost');
    parts.push(part);
    missing -= part.length;
    next = bytes.readUInt32BE(start);
  }
  return Buffer.concat(parts);
}

/** A record's values [section 2.1]. */
function decode(record: Buffer): unknown[] {
  const values: unknown[] = [];
  const [headerEnd, afterHeader] = varint(record, 0);
  let header = afterHeader;
  let at = headerEnd;
  while (header < headerEnd) {
    let type: number;
    [type, header] = varint(record, header);
    const length =
      type >= 12 ? (type - (type % 2 === 0 ? 12 : 13)) / 2 : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type]!;
    if (at + length > record.length) throw new RangeError('ends too early');
    values.push(decodeValue(record.subarray(at, at + length), type));
    at += length;
  }
  return values;
}

function decodeValue(bytes: Buffer, type: number): unknown {
  if (type >= 12) return type % 2 === 0 ? bytes : bytes.toString();
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

/** Pages on the list of free ones [section 1.5]. */
function freePages(bytes: Buffer, pageSize: number): Set<number> {
  const free = new Set<number>();
  let trunk = bytes.readUInt32BE(32);
  while (trunk > 0 && trunk * pageSize <= bytes.length && !free.has(trunk)) {
    free.add(trunk);
    const start = (trunk - 1) * pageSize;
    const leaves = Math.min(bytes.readUInt32BE(start + 4), pageSize / 4 - 2);
    for (let n = 0; n < leaves; n++) free.add(bytes.readUInt32BE(start + 8 + n * 4));
    trunk = bytes.readUInt32BE(start);
  }
  return free;
}
