import { segmentId } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';
import type { RawRow } from './leaf-pages.ts';
import { isWhole, type Row, type SalvageTable } from './salvage-tables.ts';

/** The greatest distance between keys over which a damaged place is skipped. */
const SKIP_LIMIT = 2 ** 40;

/** A part of a table: a condition that ends with AND, and the key from which its keys are counted. */
export interface TablePart {
  readonly where: string;
  readonly base: string;
}

const WHOLE_TABLE: TablePart = { where: '', base: '0' };

/** The segments of one session; their keys exceed the exact range of a number, so they are counted from the first. */
export function segmentsOf(session: number): TablePart {
  const [low, high] = [segmentId(session, 0), segmentId(session + 1, 0)];
  return { where: `id >= ${low} AND id < ${high} AND`, base: `${low}` };
}

/** The rows of one session in the table `queue` of an older version. */
export function legacyRowsOf(session: number): TablePart {
  return { where: `session = ${session} AND`, base: '0' };
}

/** Whether the database has the table, with its columns readable or not. */
export function hasTable(db: Connection, { name }: SalvageTable): boolean {
  try {
    db.prepare(`SELECT 1 FROM ${name} LIMIT 0`);
    return true;
  } catch {
    return false;
  }
}

/**
 * Every row of a table, or of a part of it, that can be read through the table's tree. A row may come twice.
 * `onUnreadable` is called once for each damaged place.
 */
export function readTable(
  db: Connection,
  table: SalvageTable,
  onUnreadable: () => void,
  part: TablePart = WHOLE_TABLE,
): Iterable<Row> {
  return table.key
    ? readByKey(db, table, table.key, onUnreadable, part)
    : readFromBothEnds(db, table, onUnreadable, part);
}

function* readFromBothEnds(
  db: Connection,
  { name, columns, order }: SalvageTable,
  onUnreadable: () => void,
  { where }: TablePart,
): Iterable<Row> {
  const select = `SELECT ${columns.join(', ')} FROM ${name} NOT INDEXED WHERE ${where} true ORDER BY`;
  let isBroken = false;
  for (const row of rowsUntilDamage(db, `${select} ${order.join(', ')}`, [])) {
    if (row) yield row;
    else isBroken = true;
  }
  if (!isBroken) return;
  onUnreadable();
  const descending = order.map((column) => `${column} DESC`).join(', ');
  for (const row of rowsUntilDamage(db, `${select} ${descending}`, [])) if (row) yield row;
}

/** Reads up to a damaged place, then from the first readable key after it back to the place, then forward again. */
function* readByKey(
  db: Connection,
  { name, columns }: SalvageTable,
  key: string,
  onUnreadable: () => void,
  { where, base }: TablePart,
): Iterable<Row> {
  const select = `SELECT ${columns.join(', ')}, ${key} - ${base} AS place FROM ${name} NOT INDEXED WHERE ${where}`;
  const above = `${key} > ${base} + CAST(? AS INTEGER)`;
  const below = `${key} < ${base} + CAST(? AS INTEGER)`;
  const after = `${select} ${above} ORDER BY ${key}`;
  const between = `${select} ${above} AND ${below} ORDER BY ${key} DESC`;
  let at = Number.MIN_SAFE_INTEGER;
  for (;;) {
    let isBroken = false;
    for (const row of rowsUntilDamage(db, after, [at])) {
      if (!row) isBroken = true;
      else {
        if (isWhole(row.place)) at = row.place;
        yield row;
      }
    }
    if (!isBroken) return;
    onUnreadable();
    const beyond = firstReadable(db, `${after} LIMIT 1`, Math.max(at, 0));
    if (beyond === undefined) return;
    for (const row of rowsUntilDamage(db, between, [at, beyond + 1])) if (row) yield row;
    at = beyond;
  }
}

/** The rows, then `undefined` if an unreadable place ended them. */
function* rowsUntilDamage(
  db: Connection,
  sql: string,
  bounds: readonly number[],
): Iterable<Row | undefined> {
  try {
    yield* db.prepare(sql).iterate(...bounds) as IterableIterator<Row>;
  } catch {
    yield undefined;
  }
}

/** The key of the first readable row after a damaged place; undefined when there is none. */
function firstReadable(db: Connection, sql: string, from: number): number | undefined {
  for (let step = 1; step < SKIP_LIMIT; step *= 2) {
    try {
      const row = db.prepare(sql).get(from + step) as Row | undefined;
      if (!row) return undefined;
      if (isWhole(row.place)) return row.place;
    } catch {
      // Still in the damaged place.
    }
  }
  return undefined;
}

/** A row from a leaf page under the table's column names; undefined if it can't belong to the table. */
export function rowOf(table: SalvageTable, { rowid, values }: RawRow): Row | undefined {
  const { columns, key, defaults = [] } = table;
  const hasRowid = table.rowid === true;
  const missing = columns.length - values.length;
  if (missing < 0 || missing > defaults.length || (rowid !== undefined) !== hasRowid) {
    return undefined;
  }
  const whole = [...values, ...defaults.slice(defaults.length - missing)];
  const row: Row = Object.fromEntries(columns.map((name, n) => [name, whole[n]]));
  // A column that is the rowid itself is stored as null.
  if (key && columns[0] === key && hasRowid) row[key] = row[key] ?? rowid;
  return row;
}
