import {
  decodeSegment,
  deflated,
  encodeSegment,
  inflated,
  NAMES_SHARED,
  type SegmentEntry,
  SHARED_BODY,
  type StoredSegment,
} from './segment.ts';
import type { Connection } from './sqlite.ts';

/** The low bits of a segment's rowid, for its first number; the session's number is above them. */
export const NUMBER_BITS = 40;
/** The highest number of a session that fits into a rowid. */
export const LAST_SESSION: number = 2 ** (63 - NUMBER_BITS) - 2;

/** The segment's rowid, a bigint because it exceeds the exact range of a number: the rows of a queue are adjacent and in order. */
export function segmentId(session: number, seq: number): bigint {
  return (BigInt(session) << BigInt(NUMBER_BITS)) + BigInt(seq);
}

/** Condition: from the segment on that may contain the second id, but not before the first id. */
export const FROM_SEGMENT =
  'id >= max(?, coalesce((SELECT max(id) FROM segment WHERE id <= ?), 0))';

/** A row under `SEGMENT_COLUMNS`. */
export type SegmentRow = [
  first: number,
  span: number,
  count: number,
  at: number,
  form: number,
  body: Buffer,
];
export const SEGMENT_COLUMNS = 'first, span, count, at, form, body';

/** A segment for delivery: its blob is inflated and contains every body. */
export interface LoadedSegment {
  readonly first: number;
  readonly count: number;
  readonly at: number;
  readonly body: Uint8Array;
}

/** The queues of a database: adds segments and reads them. `SegmentEdits` changes and deletes them. */
export class SegmentTable {
  readonly #insert;
  readonly #has;
  readonly #containing;
  readonly #from;
  readonly #count;
  readonly #last;
  readonly #addHolders;
  readonly #body;

  constructor(db: Connection) {
    const sql = (text: string) => db.prepare<unknown[]>(text);
    this.#insert = sql(
      `INSERT INTO segment (id, session, first, span, count, bytes, at, form, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#has = sql('SELECT 1 FROM segment WHERE id = ?');
    this.#containing = sql(
      `SELECT first + span FROM segment WHERE ${FROM_SEGMENT} AND id <= ? ORDER BY id LIMIT 1`,
    ).pluck();
    this.#from = sql(
      `SELECT ${SEGMENT_COLUMNS} FROM segment WHERE ${FROM_SEGMENT} AND id < ? ORDER BY id`,
    ).raw();
    this.#count = sql(
      'SELECT coalesce(sum(count), 0) FROM segment WHERE id >= ? AND id < ?',
    ).pluck();
    this.#last = sql(
      'SELECT coalesce(max(first + span), -1) FROM segment WHERE id >= ? AND id < ?',
    ).pluck();
    this.#addHolders = sql(
      `INSERT INTO message (id, refs, body) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET refs = refs + excluded.refs`,
    );
    this.#body = sql('SELECT body FROM message WHERE id = ?').pluck();
  }

  /** Adds a segment; a `steady` one is from a stream of few messages, where deflating is worth its time. */
  insert(session: number, first: number, segment: StoredSegment, steady: boolean): void {
    const { span, count, bytes, at, form, body } = steady ? deflated(segment) : segment;
    const id = segmentId(session, first);
    this.#insert.run(id, session, first, span, count, bytes, at, form, blobOf(body));
  }

  /** Whether a segment begins with this number. */
  has(session: number, first: number): boolean {
    return this.#has.get(segmentId(session, first)) !== undefined;
  }

  /** Whether the number is within the range of a segment, even if its entry is deleted. */
  covers(session: number, seq: number): boolean {
    const place = segmentId(session, seq);
    const last = this.#containing.get(segmentId(session, 0), place, place) as number | undefined;
    return last !== undefined && last >= seq;
  }

  /** Adds to the number of entries that refer to a shared body; stores the body if it is not there yet. */
  hold(id: number, holders: number, body: Uint8Array): void {
    this.#addHolders.run(id, holders, body);
  }

  /** The body that several queues share; undefined if it is lost. */
  sharedBody(id: number): Buffer | undefined {
    return this.#body.get(id) as Buffer | undefined;
  }

  /** A queue's segments with entries from `seq` on; the first segment may begin before it. */
  *from(session: number, seq: number): Iterable<LoadedSegment> {
    for (const [first, , count, at, form, body] of this.#rows(session, seq)) {
      if (form & NAMES_SHARED) {
        const whole = this.#withBodies(decodeSegment({ at, form, body }, first).entries);
        if ((whole.at(-1)?.seq ?? -1) < seq) continue;
        const segment = encodeSegment(whole, first);
        yield { first, count: whole.length, at: segment.at, body: segment.body };
        continue;
      }
      const bytes = inflated(form, body);
      // A damaged segment is left out: those after it are not lost.
      if (bytes.length > 0) yield { first, count, at, body: bytes };
    }
  }

  *#rows(session: number, seq: number): Iterable<SegmentRow> {
    const [low, from] = [segmentId(session, 0), segmentId(session, seq)];
    for (const row of this.#from.iterate(low, from, segmentId(session + 1, 0))) {
      const [first, span] = row as SegmentRow;
      if (first + span >= seq) yield row as SegmentRow;
    }
  }

  /** A queue's entries in order, from a number on, with their bodies: one at a time, since each may be large. */
  *entries(session: number, seq = 0): Iterable<SegmentEntry & { readonly body: Buffer }> {
    for (const [first, , , at, form, body] of this.#rows(session, seq)) {
      for (const entry of decodeSegment({ at, form, body }, first).entries) {
        if (entry.seq < seq) continue;
        const found = entry.shared === 0 ? blobOf(entry.body) : this.sharedBody(entry.shared);
        if (!found) continue;
        const flags = entry.flags & ~SHARED_BODY;
        yield { ...entry, flags, shared: 0, length: found.length, body: found };
      }
    }
  }

  /** The last number of a queue; -1 for an empty queue. */
  last(session: number): number {
    return this.#last.get(segmentId(session, 0), segmentId(session + 1, 0)) as number;
  }

  /** The number of entries in a queue. */
  count(session: number): number {
    return this.#count.get(segmentId(session, 0), segmentId(session + 1, 0)) as number;
  }

  /** The entries with their bodies; those whose body is lost are left out. */
  #withBodies(entries: readonly SegmentEntry[]): SegmentEntry[] {
    return entries.flatMap((entry) => {
      if (entry.shared === 0) return [entry];
      const body = this.sharedBody(entry.shared);
      return body ? [{ ...entry, shared: 0, length: body.length, body }] : [];
    });
  }
}

/** The bytes in the type that SQLite's driver accepts. */
export function blobOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.length);
}
