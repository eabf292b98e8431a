import { RELEASED } from '../../queue/queue-entry.ts';
import {
  DEFLATED,
  decodeSegment,
  deflated,
  encodeSegment,
  HAS_RELEASED,
  isWhole,
  NAMES_SHARED,
  type SegmentEntry,
} from './segment.ts';
import {
  blobOf,
  FROM_SEGMENT,
  SEGMENT_COLUMNS,
  type SegmentRow,
  segmentId,
} from './segment-table.ts';
import type { Connection } from './sqlite.ts';

/** Segments in one read. */
const STEP = 64;
/** Segments that are read as one. */
const JOINED = 256;

/** The last of some segments, how many of them are deflated, and the bytes of all in hexadecimal. */
type JoinedSegments = [last: bigint | null, deflated: bigint, hex: string];

/** The decoded entries of one segment that is being changed. */
interface Edit {
  readonly session: number;
  readonly first: number;
  readonly last: number;
  readonly form: number;
  entries: SegmentEntry[];
  dirty: boolean;
}

/**
 * Changes and deletes entries of queues. The segment of the latest change stays decoded, because the next
 * change is often in it too: call `flushEdits` before the commit, `discardEdits` after a rollback.
 */
export class SegmentEdits {
  #edit: Edit | undefined;
  readonly #update;
  readonly #containing;
  readonly #touched;
  readonly #withForm;
  readonly #joined;
  readonly #deleteOne;
  readonly #deleteWhole;
  readonly #deleteSession;
  readonly #removeHolder;
  readonly #deleteUnheld;

  constructor(db: Connection) {
    const sql = (text: string) => db.prepare<unknown[]>(text);
    this.#update = sql(
      'UPDATE segment SET span = ?, count = ?, bytes = ?, at = ?, form = ?, body = ? WHERE id = ?',
    );
    this.#containing = sql(
      `SELECT ${SEGMENT_COLUMNS} FROM segment WHERE ${FROM_SEGMENT} AND id <= ? ORDER BY id LIMIT 1`,
    ).raw();
    // Segments that extend beyond an end of the run, and segments with shared bodies.
    this.#touched = sql(
      `SELECT ${SEGMENT_COLUMNS} FROM segment WHERE ${FROM_SEGMENT} AND id <= ? AND first + span >= ?
       AND (form & ${NAMES_SHARED} OR first < ? OR first + span > ?) ORDER BY id LIMIT ${STEP}`,
    ).raw();
    this.#withForm = sql(
      `SELECT ${SEGMENT_COLUMNS} FROM segment WHERE id > ? AND id < ? AND form & ?
       ORDER BY id LIMIT ${STEP}`,
    ).raw();
    // A value for each of many small segments takes longer than its check, so they are read as one.
    this.#joined = sql(
      `SELECT max(id), sum(form & ${DEFLATED} <> 0), group_concat(hex(body), '')
       FROM (SELECT id, form, body FROM segment WHERE id > ? AND id < ? AND form & ${NAMES_SHARED}
             ORDER BY id LIMIT ${JOINED})`,
    )
      .raw()
      .safeIntegers();
    this.#deleteOne = sql('DELETE FROM segment WHERE id = ?');
    this.#deleteWhole = sql('DELETE FROM segment WHERE id BETWEEN ? AND ? AND first + span <= ?');
    this.#deleteSession = sql('DELETE FROM segment WHERE id >= ? AND id < ?');
    this.#removeHolder = sql('UPDATE message SET refs = refs - 1 WHERE id = ?');
    this.#deleteUnheld = sql('DELETE FROM message WHERE id = ? AND refs <= 0');
  }

  /** Deletes a run of entries, both ends included, and the shared bodies to which no entry refers after that. */
  drop(session: number, first: number, last: number): void {
    const open = this.#edit;
    if (open?.session === session && first >= open.first && last <= open.last) {
      this.#remove(open, first, last);
      return;
    }
    this.flushEdits();
    const [from, to] = [segmentId(session, first), segmentId(session, last)];
    for (let low = segmentId(session, 0); ; ) {
      const rows = this.#touched.all(low, from, to, first, first, last) as SegmentRow[];
      for (const row of rows) {
        this.flushEdits();
        this.#edit = editOf(session, row);
        this.#remove(this.#edit, first, last);
      }
      if (rows.length < STEP) break;
      low = segmentId(session, rows.at(-1)![0]) + 1n;
    }
    this.#deleteWhole.run(from, to, last);
  }

  #remove(edit: Edit, first: number, last: number): void {
    edit.entries = edit.entries.filter(({ seq, shared }) => {
      if (seq < first || seq > last) return true;
      edit.dirty = true;
      if (shared > 0) this.#releaseBody(shared);
      return false;
    });
  }

  #releaseBody(shared: number): void {
    this.#removeHolder.run(shared);
    this.#deleteUnheld.run(shared);
  }

  /** Deletes a whole queue. */
  dropSession(session: number): void {
    this.flushEdits();
    for (const { entries } of this.#each(session, NAMES_SHARED)) {
      for (const { shared } of entries) if (shared > 0) this.#releaseBody(shared);
    }
    this.#deleteSession.run(segmentId(session, 0), segmentId(session + 1, 0));
  }

  /** Deletes the entries whose shared body is not there, without changing the bodies; returns their number. */
  dropBodiless(session: number, isThere: (shared: number) => boolean): number {
    this.flushEdits();
    const end = segmentId(session + 1, 0);
    let dropped = 0;
    for (let after = segmentId(session, 0) - 1n; ; ) {
      const [last, deflated, hex] = this.#joined.get(after, end) as JoinedSegments;
      if (last === null) return dropped;
      if (deflated > 0n || !isWhole(Buffer.from(hex, 'hex'), isThere)) {
        dropped += this.#dropBodilessIn(session, after, last, isThere);
      }
      after = last;
    }
  }

  #dropBodilessIn(
    session: number,
    after: bigint,
    last: bigint,
    isThere: (shared: number) => boolean,
  ): number {
    let dropped = 0;
    for (const edit of this.#each(session, NAMES_SHARED, after, last + 1n)) {
      const { length } = edit.entries;
      edit.entries = edit.entries.filter(({ shared }) => shared === 0 || isThere(shared));
      if (edit.entries.length === length) continue;
      dropped += length - edit.entries.length;
      this.#write(edit);
    }
    return dropped;
  }

  /** Marks an entry for which PUBREC was received. */
  released(session: number, seq: number): void {
    let edit = this.#edit;
    if (edit?.session !== session || seq < edit.first || seq > edit.last) {
      this.flushEdits();
      const place = segmentId(session, seq);
      const row = this.#containing.get(segmentId(session, 0), place, place) as
        | SegmentRow
        | undefined;
      if (!row) return;
      edit = editOf(session, row);
      this.#edit = edit;
    }
    const entry = edit.entries.find((each) => each.seq === seq);
    if (!entry) return;
    entry.flags |= RELEASED;
    edit.dirty = true;
  }

  /** Undoes `released` for the whole queue: its receiver has lost its session. */
  unreleased(session: number): void {
    this.flushEdits();
    for (const edit of this.#each(session, HAS_RELEASED)) {
      for (const entry of edit.entries) entry.flags &= ~RELEASED;
      this.#write(edit);
    }
  }

  /** Writes the segment that was changed last. */
  flushEdits(): void {
    const edit = this.#edit;
    this.#edit = undefined;
    if (edit?.dirty) this.#write(edit);
  }

  /** Drops changes that are not written: their transaction has failed. */
  discardEdits(): void {
    this.#edit = undefined;
  }

  /**
   * The segments of a queue that have a bit of `form`, those between two rowids where these are given; each may be written
   * before the next is taken.
   */
  *#each(
    session: number,
    form: number,
    after: bigint = segmentId(session, 0) - 1n,
    end: bigint = segmentId(session + 1, 0),
  ): Iterable<Edit> {
    for (let at = after; ; ) {
      const rows = this.#withForm.all(at, end, form) as SegmentRow[];
      for (const row of rows) yield editOf(session, row);
      if (rows.length < STEP) return;
      at = segmentId(session, rows.at(-1)![0]);
    }
  }

  #write({ session, first, form: before, entries }: Edit): void {
    if (entries.length === 0) {
      this.#deleteOne.run(segmentId(session, first));
      return;
    }
    const segment = encodeSegment(entries, first);
    const { span, count, bytes, at, form, body } = before & DEFLATED ? deflated(segment) : segment;
    this.#update.run(span, count, bytes, at, form, blobOf(body), segmentId(session, first));
  }
}

function editOf(session: number, [first, span, , at, form, body]: SegmentRow): Edit {
  const { entries } = decodeSegment({ at, form, body }, first);
  return { session, first, last: first + span, form, entries, dirty: false };
}
