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
  const isLost = (shared: number): boolean => table.sharedBody(shared) === undefined;
  for (const session of sharingSessions) removed += edits.dropBodiless(session, isLost);
  return removed;
}
