import type { Connection } from '../../store/database/sqlite.ts';
import { type Chunk, decodeChunk, encodeChunk } from './points.ts';
import { chunkMs, startOf, TIERS } from './tiers.ts';

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS value (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, keep INTEGER NOT NULL, part INTEGER NOT NULL,
    last INTEGER NOT NULL, UNIQUE (topic, keep));
  CREATE TABLE IF NOT EXISTS chunk (
    id INTEGER PRIMARY KEY, tier INTEGER NOT NULL, part INTEGER NOT NULL, start INTEGER NOT NULL, points BLOB NOT NULL);
  CREATE INDEX IF NOT EXISTS chunk_start ON chunk (tier, part, start);
  CREATE TABLE IF NOT EXISTS folded (
    tier INTEGER NOT NULL, part INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (tier, part)) WITHOUT ROWID;`;

const DAY_MS = 86_400_000;
/** Values of one part, which are in one chunk: a query reads and decodes no others. */
const PART_VALUES = 64;

/** A value that is kept for some time, and the part in whose chunks it is. */
export interface ValueRow {
  readonly id: number;
  readonly part: number;
}

interface ChunkRow {
  readonly id: number;
  readonly start: number;
  readonly points: Buffer;
}

/** The tables of a file of histories. Tiers are indexes of `TIERS`; times are milliseconds since the epoch. */
export class ChunkTable {
  readonly #database: Connection;
  readonly #statements = new Map<string, ReturnType<Connection['prepare']>>();

  constructor(database: Connection) {
    this.#database = database;
  }

  topics(): string[] {
    const rows = this.#all('SELECT DISTINCT topic FROM value ORDER BY topic');
    return (rows as { topic: string }[]).map(({ topic }) => topic);
  }

  /** Several where it was kept for another time before. */
  valuesOf(topic: string): ValueRow[] {
    return this.#all('SELECT id, part FROM value WHERE topic = ?', topic) as ValueRow[];
  }

  /** The parts, and how long their values are kept. */
  parts(): { readonly part: number; readonly keep: number }[] {
    return this.#all('SELECT DISTINCT part, keep FROM value') as { part: number; keep: number }[];
  }

  /** The row of a value that has points at `now`; a new one is put into a part that has room. */
  valueOf(topic: string, keepMs: number, now: number): ValueRow {
    const sql = 'SELECT id, part, last FROM value WHERE topic = ? AND keep = ?';
    const found = this.#get(sql, topic, keepMs) as (ValueRow & { last: number }) | undefined;
    if (found) {
      if (now - found.last > DAY_MS) {
        this.#run('UPDATE value SET last = ? WHERE id = ?', now, found.id);
      }
      return found;
    }
    const room = this.#get(
      'SELECT part FROM value GROUP BY part HAVING count(*) < ? AND min(keep) = ? LIMIT 1',
      PART_VALUES,
      keepMs,
    ) as { part: number } | undefined;
    const last = this.#get('SELECT coalesce(max(part), 0) AS last FROM value') as { last: number };
    const part = room?.part ?? last.last + 1;
    const insert = 'INSERT INTO value (topic, keep, part, last) VALUES (?, ?, ?, ?)';
    return { id: Number(this.#run(insert, topic, keepMs, part, now).lastInsertRowid), part };
  }

  /** Deletes the values whose points are all too old, and what belongs to parts without values. */
  deleteOldValues(now: number): void {
    this.#run('DELETE FROM value WHERE last + keep < ?', now - 2 * DAY_MS);
    const isGone = 'part NOT IN (SELECT part FROM value)';
    this.#run(`DELETE FROM chunk WHERE ${isGone}`);
    this.#run(`DELETE FROM folded WHERE ${isGone}`);
  }

  /** The chunks with points from `from` on and before `to`, in the order of time. */
  *chunks(
    tier: number,
    part: number,
    from: number,
    to: number,
  ): Iterable<readonly [start: number, chunk: Chunk]> {
    const rows = this.#all(
      'SELECT id, start, points FROM chunk WHERE tier = ? AND part = ? AND start > ? AND start < ? ORDER BY start, id',
      tier,
      part,
      from - chunkMs(TIERS[tier]!),
      to,
    ) as ChunkRow[];
    for (const { id, start, points } of rows) yield [start, this.#decode(tier, id, points)];
  }

  /** A chunk that can't be read is deleted: the others stay readable. */
  #decode(tier: number, id: number, points: Buffer): Chunk {
    try {
      return decodeChunk(points, TIERS[tier]!.slots);
    } catch {
      if (!this.#database.readonly) this.#run('DELETE FROM chunk WHERE id = ?', id);
      return new Map();
    }
  }

  insert(tier: number, part: number, start: number, chunk: Chunk): void {
    if (chunk.size === 0) return;
    const sql = 'INSERT INTO chunk (tier, part, start, points) VALUES (?, ?, ?, ?)';
    this.#run(sql, tier, part, start, encodeChunk(chunk));
    const above = TIERS[tier + 1];
    // Where the clock was set back, this time is folded once more.
    if (above && start < this.foldedUntil(tier + 1, part)) {
      this.setFolded(tier + 1, part, startOf(start, chunkMs(above)));
    }
  }

  /** The start of the oldest chunk from `from` on. */
  oldest(tier: number, part: number, from: number = Number.MIN_SAFE_INTEGER): number | undefined {
    const sql = 'SELECT min(start) AS start FROM chunk WHERE tier = ? AND part = ? AND start >= ?';
    return (this.#get(sql, tier, part, from) as { start: number | null }).start ?? undefined;
  }

  /** Until when a tier has what the tier below has; negative infinity where nothing was folded. */
  foldedUntil(tier: number, part: number): number {
    const row = this.#get('SELECT until FROM folded WHERE tier = ? AND part = ?', tier, part);
    return (row as { until: number } | undefined)?.until ?? Number.NEGATIVE_INFINITY;
  }

  setFolded(tier: number, part: number, until: number): void {
    this.#run(
      'INSERT INTO folded (tier, part, until) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET until = excluded.until',
      tier,
      part,
      until,
    );
  }

  deleteBefore(tier: number, part: number, before: number): void {
    this.#run('DELETE FROM chunk WHERE tier = ? AND part = ? AND start < ?', tier, part, before);
  }

  /** Deletes the oldest chunks of a tier, `most` of them; returns how many there were. */
  deleteOldest(tier: number, most: number): number {
    const sql =
      'DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE tier = ? ORDER BY start LIMIT ?)';
    return this.#run(sql, tier, most).changes;
  }

  #prepare(sql: string) {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #all(sql: string, ...values: unknown[]): unknown[] {
    return this.#prepare(sql).all(...values);
  }

  #get(sql: string, ...values: unknown[]): unknown {
    return this.#prepare(sql).get(...values);
  }

  #run(sql: string, ...values: unknown[]) {
    return this.#prepare(sql).run(...values);
  }
}
