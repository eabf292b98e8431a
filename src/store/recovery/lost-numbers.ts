import { NUMBER_BITS } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';
import type { Gap } from './page-map.ts';

/** The tables whose rows have consecutive numbers, as rows of `queue`, `first` and `last`. */
const NUMBERED: Readonly<Record<string, string>> = {
  segment: 'SELECT session AS queue, first, first + span AS last FROM segment',
  dead_letter: 'SELECT 0 AS queue, id AS first, id AS last FROM dead_letter',
};

const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;

/**
 * How many numbers are missing in a salvaged table where its damaged tree had gaps. What was at the end of a queue
 * is not among them: nothing that is left has a higher number. Of the last page of the tree, one is.
 */
export function lostBetween(db: Connection, table: string, gaps: readonly Gap[]): number {
  const rows = db.prepare<bigint[], { queue: number; first: number; last: number }>(
    `${NUMBERED[table]} WHERE id >= coalesce((SELECT max(id) FROM ${table} WHERE id <= ?), ?)
       AND id <= coalesce((SELECT min(id) FROM ${table} WHERE id > ?), ?) ORDER BY id`,
  );
  const hasRow = db.prepare<bigint[]>(`SELECT 1 FROM ${table} WHERE id > ? AND id <= ? LIMIT 1`);
  let all = 0;
  for (const [after, last] of merged(gaps)) {
    let lost = 0;
    // A row with the last key of a gap was there: of a queue that begins in it, at least that is lost.
    const end = {
      queue: Number(last >> BigInt(NUMBER_BITS)),
      number: Number(BigInt.asUintN(NUMBER_BITS, last)),
    };
    let before: { queue: number; last: number } | undefined;
    for (const row of rows.iterate(after, after, last, last)) {
      const expected = before?.queue === row.queue ? before.last + 1 : end.number;
      if (before?.queue === row.queue || end.queue === row.queue) {
        lost += Math.max(0, row.first - expected);
      }
      before = row;
    }
    // A tree of one page may have no row, each page of others has one.
    const isLastPage = after !== LOWEST && last === HIGHEST;
    if (lost === 0 && isLastPage && !hasRow.get(after, last)) lost = 1;
    all += lost;
  }
  return all;
}

/** The gaps in order, those that adjoin as one. */
function merged(gaps: readonly Gap[]): [after: bigint, last: bigint][] {
  const sorted = gaps
    .map(({ after, last }): [bigint, bigint] => [after ?? LOWEST, last ?? HIGHEST])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const result: [bigint, bigint][] = [];
  for (const [after, last] of sorted) {
    const previous = result.at(-1);
    if (previous && after <= previous[1]) previous[1] = last > previous[1] ? last : previous[1];
    else result.push([after, last]);
  }
  return result;
}
