import { RELEASED } from '../../queue/queue-entry.ts';
import type { Connection } from './database.ts';
import {
  DEFLATED,
  decodeSegment,
  deflated,
  encodeSegment,
  HAS_RELEASED,
  inflated,
  NAMES_SHARED,
  type SegmentEntry,
  type StoredSegment,
} from './segment.ts';

/** The rowid of a segment: its session and its first number, so that a queue lies together and in order. */
export const NUMBER_BITS = 40;
/** Beyond this a session's number does not fit. */
export const LAST_SESSION: number = 2 ** (63 - NUMBER_BITS) - 2;

/** The segment's rowid: more than a number can hold exactly. */
export function segmentId(session: number, seq: number): bigint {
  return (BigInt(session) << BigInt(NUMBER_BITS)) + BigInt(seq);
}

/** From the segment on that may hold the second number; not before the first. */
const FROM = 'id >= max(?, coalesce((SELECT max(id) FROM segment WHERE id <= ?), 0))';
const STEP = 64;

type Row = [first: number, span: number, count: number, at: number, form: number, body: Buffer];
const COLUMNS = 'first, span, count, at, form, body';

/** A segment as it is sent: its blob is inflated and has every body in it. */
export interface LoadedSegment {
  readonly first: number;
  readonly count: number;
  readonly at: number;
  readonly body: Uint8Array;
}

/** Entries of one segment that is being changed. */
interface Edit {
  readonly session: number;
  readonly first: number;
  readonly last: number;
  readonly form: number;
  entries: SegmentEntry[];
  dirty: boolean;
}

/** The queues of a database. What is changed is written by `settle`. */
export class SegmentTable {
  #edit: Edit | undefined;
  readonly #insert;
  readonly #update;
  readonly #has;
  readonly #hold;
  readonly #letGo;
  readonly #dropUnheld;
  readonly #body;
  readonly #containing;
  readonly #touched;
  readonly #dropWhole;
  readonly #dropOne;
  readonly #dropSession;
  readonly #count;
  readonly #strangers;
  readonly #sharing;
  readonly #withForm;
  readonly #from;

  constructor(db: Connection) {
    const sql = (text: string) => db.prepare<unknown[]>(text);
    this.#insert = sql(
      `INSERT INTO segment (id, session, first, span, count, bytes, at, form, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = sql(
      'UPDATE segment SET span = ?, count = ?, bytes = ?, at = ?, form = ?, body = ? WHERE id = ?',
    );
    this.#has = sql('SELECT 1 FROM segment WHERE id = ?');
    this.#hold = sql(
      `INSERT INTO message (id, refs, body) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET refs = refs + excluded.refs`,
    );
    this.#letGo = sql('UPDATE message SET refs = refs - 1 WHERE id = ?');
    this.#dropUnheld = sql('DELETE FROM message WHERE id = ? AND refs <= 0');
    this.#body = sql('SELECT body FROM message WHERE id = ?').pluck();
    this.#containing = sql(
      `SELECT ${COLUMNS} FROM segment WHERE ${FROM} AND id <= ? ORDER BY id LIMIT 1`,
    ).raw();
    // Those that reach over an end of the run, and those that hold shared bodies.
    this.#touched = sql(
      `SELECT ${COLUMNS} FROM segment WHERE ${FROM} AND id <= ? AND first + span >= ?
       AND (form & ${NAMES_SHARED} OR first < ? OR first + span > ?) ORDER BY id`,
    ).raw();
    this.#dropWhole = sql('DELETE FROM segment WHERE id BETWEEN ? AND ? AND first + span <= ?');
    this.#dropOne = sql('DELETE FROM segment WHERE id = ?');
    this.#dropSession = sql('DELETE FROM segment WHERE id >= ? AND id < ?');
    this.#count = sql(
      'SELECT coalesce(sum(count), 0) FROM segment WHERE id >= ? AND id < ?',
    ).pluck();
    this.#strangers = sql(
      'SELECT DISTINCT session FROM segment WHERE session NOT IN (SELECT key FROM session)',
    ).pluck();
    this.#sharing = sql(
      `SELECT DISTINCT session FROM segment WHERE form & ${NAMES_SHARED}`,
    ).pluck();
    this.#withForm = sql(
      `SELECT ${COLUMNS} FROM segment WHERE id > ? AND id < ? AND form & ?
       ORDER BY id LIMIT ${STEP}`,
    ).raw();
    this.#from = sql(`SELECT ${COLUMNS} FROM segment WHERE ${FROM} AND id < ? ORDER BY id`).raw();
  }

  /** Forgets changes that were not settled: their transaction has failed. */
  discardEdits(): void {
    this.#edit = undefined;
  }

  /** Adds a segment; one that is `steady` comes from a stream of few messages, whose bytes count more than its time. */
  insert(session: number, first: number, segment: StoredSegment, steady: boolean): void {
    const { span, count, bytes, at, form, body } = steady ? deflated(segment) : segment;
    const id = segmentId(session, first);
    this.#insert.run(id, session, first, span, count, bytes, at, form, blobOf(body));
  }

  /** Whether the segment that begins with this number is there. */
  has(session: number, first: number): boolean {
    return this.#has.get(segmentId(session, first)) !== undefined;
  }

  /** Whether a segment has the number, or had it. */
  covers(session: number, seq: number): boolean {
    const place = segmentId(session, seq);
    const row = this.#containing.get(segmentId(session, 0), place, place) as Row | undefined;
    return row !== undefined && row[0] + row[1] >= seq;
  }

  /** So many more entries hold a shared body, which may be new. */
  hold(id: number, holders: number, body: Uint8Array): void {
    this.#hold.run(id, holders, body);
  }

  /** The body that several queues share; undefined where it is lost. */
  sharedBody(id: number): Buffer | undefined {
    return this.#body.get(id) as Buffer | undefined;
  }

  /** Deletes a run of entries, both ends included, and the shared bodies that nobody holds after. */
  drop(session: number, first: number, last: number): void {
    const open = this.#edit;
    if (open?.session === session && first >= open.first && last <= open.last) {
      this.#remove(open, first, last);
      return;
    }
    this.flushEdits();
    const [low, from, to] = [0, first, last].map((seq) => segmentId(session, seq));
    for (const row of this.#touched.all(low, from, to, first, first, last) as Row[]) {
      this.flushEdits();
      this.#edit = editOf(session, row);
      this.#remove(this.#edit, first, last);
    }
    this.#dropWhole.run(from, to, last);
  }

  #remove(edit: Edit, first: number, last: number): void {
    edit.entries = edit.entries.filter(({ seq, shared }) => {
      if (seq < first || seq > last) return true;
      edit.dirty = true;
      if (shared > 0) this.#release(shared);
      return false;
    });
  }

  #release(shared: number): void {
    this.#letGo.run(shared);
    this.#dropUnheld.run(shared);
  }

  /** Deletes a whole queue. */
  dropSession(session: number): void {
    this.flushEdits();
    for (const { entries } of this.#each(session, NAMES_SHARED)) {
      for (const { shared } of entries) if (shared > 0) this.#release(shared);
    }
    this.#dropSession.run(segmentId(session, 0), segmentId(session + 1, 0));
  }

  /** Notes that PUBREC has come for an entry. */
  released(session: number, seq: number): void {
    let edit = this.#edit;
    if (edit?.session !== session || seq < edit.first || seq > edit.last) {
      this.flushEdits();
      const place = segmentId(session, seq);
      const row = this.#containing.get(segmentId(session, 0), place, place) as Row | undefined;
      if (!row) return;
      edit = editOf(session, row);
      this.#edit = edit;
    }
    const entry = edit.entries.find((each) => each.seq === seq);
    if (!entry) return;
    entry.flags |= RELEASED;
    edit.dirty = true;
  }

  /** Takes that back for the whole queue: its receiver has forgotten. */
  unreleased(session: number): void {
    this.flushEdits();
    for (const edit of this.#each(session, HAS_RELEASED)) {
      for (const entry of edit.entries) entry.flags &= ~RELEASED;
      edit.dirty = true;
      this.#edit = edit;
      this.flushEdits();
    }
  }

  *#each(session: number, form: number): Iterable<Edit> {
    const end = segmentId(session + 1, 0);
    for (let at = segmentId(session, 0) - 1n; ; ) {
      const rows = this.#withForm.all(at, end, form) as Row[];
      for (const row of rows) yield editOf(session, row);
      if (rows.length < STEP) return;
      at = segmentId(session, rows.at(-1)![0]);
    }
  }

  /** Writes what was changed. */
  flushEdits(): void {
    const edit = this.#edit;
    this.#edit = undefined;
    if (!edit?.dirty) return;
    const { session, first, entries } = edit;
    if (entries.length === 0) {
      this.#dropOne.run(segmentId(session, first));
      return;
    }
    const segment = encodeSegment(entries, first);
    const { span, count, bytes, at, form, body } =
      edit.form & DEFLATED ? deflated(segment) : segment;
    this.#update.run(span, count, bytes, at, form, blobOf(body), segmentId(session, first));
  }

  /** A queue's segments that hold something from `seq` on; the first may begin before. */
  *from(session: number, seq: number): Iterable<LoadedSegment> {
    const [low, from] = [segmentId(session, 0), segmentId(session, seq)];
    for (const row of this.#from.iterate(low, from, segmentId(session + 1, 0))) {
      const [first, span, count, at, form, body] = row as Row;
      if (first + span < seq) continue;
      if (form & NAMES_SHARED) {
        const whole = this.#withBodies(decodeSegment({ at, form, body }, first).entries);
        if ((whole.at(-1)?.seq ?? -1) < seq) continue;
        const segment = encodeSegment(whole, first);
        yield { first, count: whole.length, at: segment.at, body: segment.body };
        continue;
      }
      const bytes = inflated(form, body);
      // Damage: what comes after it is not lost.
      if (bytes.length > 0) yield { first, count, at, body: bytes };
    }
  }

  /** A queue's entries in order, with their bodies. */
  *entries(session: number): Iterable<SegmentEntry & { readonly body: Buffer }> {
    for (const { first, at, body } of this.from(session, 0)) {
      for (const entry of decodeSegment({ at, form: 0, body }, first).entries) {
        yield { ...entry, body: blobOf(entry.body) };
      }
    }
  }

  /** How many entries wait in a queue. */
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

  /** Removes entries of no session, and those whose shared body is lost; gives how many. */
  removeOrphans(): number {
    let dropped = 0;
    for (const session of this.#strangers.all() as number[]) {
      dropped += this.count(session);
      this.dropSession(session);
    }
    for (const session of this.#sharing.all() as number[]) dropped += this.#dropBodiless(session);
    return dropped;
  }

  #dropBodiless(session: number): number {
    let dropped = 0;
    for (const edit of this.#each(session, NAMES_SHARED)) {
      const { length } = edit.entries;
      edit.entries = edit.entries.filter(
        ({ shared }) => shared === 0 || this.sharedBody(shared) !== undefined,
      );
      if (edit.entries.length === length) continue;
      dropped += length - edit.entries.length;
      edit.dirty = true;
      this.#edit = edit;
      this.flushEdits();
    }
    return dropped;
  }
}

function blobOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.length);
}

function editOf(session: number, [first, span, , at, form, body]: Row): Edit {
  const { entries } = decodeSegment({ at, form, body }, first);
  return { session, first, last: first + span, form, entries, dirty: false };
}
