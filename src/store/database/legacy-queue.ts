import { encodeSegment, type SegmentEntry } from './segment.ts';
import { LAST_SESSION, SegmentTable } from './segment-table.ts';
import type { Connection } from './sqlite.ts';

/** A row of the table `queue`, in which versions before the fourth kept each entry. */
export interface LegacyRow {
  readonly session: number;
  readonly seq: number;
  readonly flags: number;
  readonly at: number;
  readonly size: number;
  readonly message: number | null;
  readonly body: Buffer | null;
}

/** Rows in one read, and the most entries and bytes of one segment. */
const STEP = 1000;
const ENTRIES = 64;
const BYTES = 16 * 1024;

/** The row as an entry; undefined where its body is invalid. */
export function entryOf({
  seq,
  flags,
  at,
  size,
  message,
  body,
}: LegacyRow): SegmentEntry | undefined {
  if (message !== null) return { seq, flags, at, shared: message, length: size, body: EMPTY };
  if (!body || body.length < 2 || 2 + body.readUInt16BE(0) > body.length) return undefined;
  return { seq, flags, at, shared: 0, length: body.length, body };
}

/** Moves the rows of `queue` into `segment`. */
export function moveIntoSegments(db: Connection): void {
  renumber(db);
  const segments = new SegmentTable(db);
  const read = db.prepare<unknown[], LegacyRow>(
    `SELECT session, seq, flags, at, size, message, body FROM queue
     ORDER BY session, seq LIMIT ${STEP}`,
  );
  // In small steps, which free space: the database may have its full size already.
  const remove = db.prepare('DELETE FROM queue WHERE (session, seq) <= (?, ?)');
  for (let rows = read.all(); rows.length > 0; rows = read.all()) {
    for (let from = 0; from < rows.length; ) {
      const to = endOf(rows, from);
      const own = rows.slice(from, to);
      const entries = own.map(entryOf).filter((entry) => entry !== undefined);
      const first = entries[0]?.seq;
      if (first !== undefined) {
        segments.insert(own[0]!.session, first, encodeSegment(entries, first), true);
      }
      from = to;
    }
    const last = rows.at(-1)!;
    remove.run(last.session, last.seq);
  }
}

/** The index after the last row that goes into one segment with the row at `from`. */
function endOf(rows: readonly LegacyRow[], from: number): number {
  const { session } = rows[from]!;
  let bytes = 0;
  let to = from;
  for (; to < rows.length && to - from < ENTRIES && bytes < BYTES; to++) {
    if (rows[to]!.session !== session) break;
    bytes += rows[to]!.size;
  }
  return to;
}

/** Older versions used session numbers without a limit, also for clients without a stored session. */
function renumber(db: Connection): void {
  const keys = db.prepare('SELECT key FROM session ORDER BY key').pluck().all() as number[];
  if ((keys.at(-1) ?? 0) <= LAST_SESSION) return;
  const tables = ['subscription', 'incoming', 'queue'] as const;
  const statements = [
    db.prepare('UPDATE session SET key = ? WHERE key = ?'),
    ...tables.map((table) => db.prepare(`UPDATE ${table} SET session = ? WHERE session = ?`)),
  ];
  // In ascending order: each new number is at most the old one, and is free when it is assigned.
  keys.forEach((key, index) => {
    for (const statement of statements) statement.run(index + 1, key);
  });
}

const EMPTY = new Uint8Array(0);
