import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { Connection } from '../database/sqlite.ts';
import { errorCode, isWriteFailure } from '../database/sqlite-errors.ts';
import { FITTING_ROWS, type FittingRows } from './fitting-rows.ts';
import { recordUnfit, type Unfit } from './loss.ts';

/** Rows of one table that are kept in the file, and bytes of the file. */
const ROWS = 10_000;
const BYTES = 64 * 1024 * 1024;

/**
 * Takes rows out of these tables that can't be loaded, whatever has written them, so that all else can: they are kept
 * in a file beside the database, as JSON lines. Values that are not needed to use their row are replaced. Returns what
 * is recorded, undefined if there were none. Throws SQLite's error; where the file can't be written, all stays as it is.
 */
export function setAsideUnfitRows(
  db: Connection,
  file: string,
  log: Logger,
  of: readonly FittingRows[] = FITTING_ROWS,
): Unfit | undefined {
  const unfit = of.filter((table) => countOf(db, table) > 0);
  if (unfit.length === 0) return undefined;
  const aside = `${file}.unfit-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
  try {
    keep(db, unfit, aside);
  } catch (error) {
    if (!isWriteFailure(errorCode(error))) throw error;
    log.error({ err: error }, 'rows of the database that do not fit can not be set aside yet');
    return undefined;
  }
  let rows = 0;
  // Immediate: another connection may write meanwhile.
  const recorded = db
    .transaction(() => {
      for (const { table, fits, repairs = [] } of unfit) {
        rows += db.prepare(`DELETE FROM ${table} WHERE (${fits}) IS NOT TRUE`).run().changes;
        for (const { column, fits: right, to } of repairs) {
          const repair = `UPDATE ${table} SET ${column} = ${to} WHERE (${right}) IS NOT TRUE`;
          rows += db.prepare(repair).run().changes;
        }
      }
      return recordUnfit(db, { at: Date.now(), aside: basename(aside), rows });
    })
    .immediate();
  const tables = unfit.map(({ table }) => table);
  log.error({ rows, tables, aside }, 'rows of the database that do not fit were set aside');
  return recorded;
}

function unfitRows({ fits, repairs = [] }: FittingRows): string {
  const all = [fits, ...repairs.map((repair) => repair.fits)];
  return all.map((condition) => `(${condition}) IS NOT TRUE`).join(' OR ');
}

function countOf(db: Connection, table: FittingRows): number {
  const sql = `SELECT count(*) FROM (SELECT 1 FROM ${table.table} WHERE ${unfitRows(table)} LIMIT 1)`;
  return db.prepare(sql).pluck().get() as number;
}

/** Writes the rows as they are; what is beyond the bounds is left out. */
function keep(db: Connection, tables: readonly FittingRows[], aside: string): void {
  const handle = openSync(aside, 'w', 0o600);
  try {
    let bytes = 0;
    for (const one of tables) {
      const select = db.prepare(`SELECT * FROM ${one.table} WHERE ${unfitRows(one)} LIMIT ${ROWS}`);
      // A number may have more digits than a JavaScript number.
      for (const row of select.safeIntegers().iterate()) {
        const line = `${JSON.stringify({ table: one.table, row }, asJson)}\n`;
        bytes += line.length;
        if (bytes > BYTES) break;
        writeSync(handle, line);
      }
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function asJson(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  const { type, data } = Object(value) as { type?: unknown; data?: unknown };
  return type === 'Buffer' ? { base64: Buffer.from(data as number[]).toString('base64') } : value;
}
