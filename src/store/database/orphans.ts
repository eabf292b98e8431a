import { NAMES_SHARED } from './segment.ts';
import { SegmentEdits } from './segment-edits.ts';
import { SegmentTable } from './segment-table.ts';
import type { Connection } from './sqlite.ts';

/** Removes entries without a session and entries whose shared body is lost; returns their number. */
export function removeOrphans(db: Connection): number {
  const table = new SegmentTable(db);
  const edits = new SegmentEdits(db);
  const numbers = (sql: string): number[] => db.prepare(sql).pluck().all() as number[];
  let removed = 0;
  const orphanSessions = numbers(
    'SELECT DISTINCT session FROM segment WHERE session NOT IN (SELECT key FROM session)',
  );
  for (const session of orphanSessions) {
    removed += table.count(session);
    edits.dropSession(session);
  }
  const sharingSessions = numbers(
    `SELECT DISTINCT session FROM segment WHERE form & ${NAMES_SHARED}`,
  );
  if (sharingSessions.length === 0) return removed;
  const isThere = createSearch(bodyIds(db));
  for (const session of sharingSessions) removed += edits.dropBodiless(session, isThere);
  return removed;
}

/** The numbers of all shared bodies, in ascending order. */
function bodyIds(db: Connection): Float64Array {
  const ids = new Float64Array(db.prepare('SELECT count(*) FROM message').pluck().get() as number);
  let at = 0;
  for (const id of db.prepare('SELECT id FROM message ORDER BY id').pluck().iterate()) {
    ids[at++] = id as number;
  }
  return ids;
}

/** Finds numbers among these, fast where they are asked for in their order, as the entries of a queue have them. */
function createSearch(ids: Float64Array): (id: number) => boolean {
  let next = 0;
  return (id) => {
    if (ids[next] !== id) next = lowerBound(ids, id);
    if (ids[next] !== id) return false;
    next++;
    return true;
  };
}

/** The place of the first number that is not below. */
function lowerBound(ids: Float64Array, id: number): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
