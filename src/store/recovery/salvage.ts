import { entryOf, type LegacyRow } from '../database/legacy-queue.ts';
import {
  decodeSegment,
  encodeSegment,
  type SegmentEntry,
  type StoredSegment,
} from '../database/segment.ts';
import { SegmentTable } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';
import {
  hasTable,
  legacyRowsOf,
  readTable,
  rowOf,
  segmentsOf,
  type TablePart,
} from './damaged-table-reader.ts';
import type { RawRow } from './leaf-pages.ts';
import {
  INCOMING,
  MESSAGE,
  META,
  QUEUE,
  RETAINED,
  type Row,
  type SalvageTable,
  SEGMENT,
  SESSION,
  STATE,
  SUBSCRIPTION,
  WILL,
} from './salvage-tables.ts';

/** Numbers of what was copied from a damaged database. */
export interface Salvaged {
  sessions: number;
  subscriptions: number;
  /** Messages in queues. */
  queued: number;
  retained: number;
  wills: number;
  /** Places that could not be read, and rows that were not valid. */
  unreadable: number;
}

/** Copies a row; returns how many rows or messages were not in the copy yet. */
type Take = (row: Row) => number;

/**
 * Copies, row by row, all rows that can be read and are valid; `to` is an empty database of this version.
 * `rawRows` returns the rows in single pages, for tables whose tree is damaged.
 */
export function salvage(
  from: Connection,
  to: Connection,
  rawRows: () => Iterable<RawRow>,
): Salvaged {
  const copy = new Salvage(from, to, rawRows);
  to.transaction(() => copy.run())();
  return copy.found;
}

class Salvage {
  readonly found: Salvaged = {
    sessions: 0,
    subscriptions: 0,
    queued: 0,
    retained: 0,
    wills: 0,
    unreadable: 0,
  };
  readonly #from: Connection;
  readonly #to: Connection;
  readonly #rawRows: () => Iterable<RawRow>;
  readonly #segments: SegmentTable;
  /** How many copied entries refer to each shared body. */
  readonly #holders = new Map<number, number>();

  constructor(from: Connection, to: Connection, rawRows: () => Iterable<RawRow>) {
    this.#from = from;
    this.#to = to;
    this.#rawRows = rawRows;
    this.#segments = new SegmentTable(to);
  }

  run(): void {
    this.#copy(META);
    this.#copy(STATE);
    const sessions = this.#copySessions();
    this.#copyMessages();
    this.#copyQueues(sessions);
    this.#setHolders();
    this.found.retained = this.#copy(RETAINED);
    this.found.wills = this.#copy(WILL);
  }

  /** Copies the sessions with their subscriptions and packet identifiers; returns the sessions' numbers. */
  #copySessions(): ReadonlySet<number> {
    this.found.sessions = this.#copy(SESSION);
    const keys = this.#to.prepare('SELECT key FROM session').pluck().all() as number[];
    const sessions = new Set(keys);
    const ofSessions = (table: SalvageTable): Take => {
      const insert = this.#insertInto(table);
      return (row) => (sessions.has(row.session as number) ? insert(row) : 0);
    };
    this.found.subscriptions = this.#copy(SUBSCRIPTION, ofSessions(SUBSCRIPTION));
    this.#copy(INCOMING, ofSessions(INCOMING));
    return sessions;
  }

  /** Copies the shared bodies. */
  #copyMessages(): void {
    this.#copy(MESSAGE);
  }

  #copyQueues(sessions: ReadonlySet<number>): void {
    const isLegacy = hasTable(this.#from, QUEUE);
    // If both tables are missing, segments are searched for in single pages.
    const hasSegments = !isLegacy || hasTable(this.#from, SEGMENT);
    for (const session of sessions) {
      if (hasSegments) {
        this.found.queued += this.#copy(SEGMENT, this.#segmentOf(session), segmentsOf(session));
      }
      if (isLegacy) {
        this.found.queued += this.#copy(QUEUE, this.#legacyRowOf(session), legacyRowsOf(session));
      }
    }
  }

  #segmentOf(session: number): Take {
    return (row) => {
      if (row.session !== session) return 0;
      const segment = row as unknown as StoredSegment;
      const { entries, sound } = decodeSegment(segment, row.first as number);
      if (!sound) this.found.unreadable++;
      return this.#insertEntries(session, entries);
    };
  }

  #legacyRowOf(session: number): Take {
    return (row) => {
      if (row.session !== session) return 0;
      const entry = entryOf(row as unknown as LegacyRow);
      return entry ? this.#insertEntries(session, [entry]) : 0;
    };
  }

  /** Inserts the entries whose body was copied, except entries that are in the copy already. */
  #insertEntries(session: number, entries: readonly SegmentEntry[]): number {
    const missing = entries.filter(({ seq }) => !this.#segments.covers(session, seq));
    const whole = missing.filter(
      ({ shared }) => shared === 0 || this.#segments.sharedBody(shared) !== undefined,
    );
    this.found.unreadable += missing.length - whole.length;
    const first = whole[0]?.seq;
    if (first === undefined) return 0;
    this.#segments.insert(session, first, encodeSegment(whole, first), true);
    for (const { shared } of whole) {
      if (shared > 0) this.#holders.set(shared, (this.#holders.get(shared) ?? 0) + 1);
    }
    return whole.length;
  }

  /** Stores how many entries refer to each shared body, and removes bodies without an entry. */
  #setHolders(): void {
    const set = this.#to.prepare('UPDATE message SET refs = ? WHERE id = ?');
    this.#to.exec('UPDATE message SET refs = 0');
    for (const [id, refs] of this.#holders) set.run(refs, id);
    this.#to.exec('DELETE FROM message WHERE refs = 0');
  }

  /** Copies a table or a part of it; returns the sum of the results of `take`. */
  #copy(table: SalvageTable, take = this.#insertInto(table), part?: TablePart): number {
    let copied = 0;
    const before = this.found.unreadable;
    for (const row of readTable(this.#from, table, () => this.found.unreadable++, part)) {
      if (table.isValid(row)) copied += take(row);
      else this.found.unreadable++;
    }
    if (this.found.unreadable === before || !table.selfDescribing) return copied;
    for (const raw of this.#rawRows()) {
      const row = rowOf(table, raw);
      if (row && table.isValid(row)) copied += take(row);
    }
    return copied;
  }

  /** Inserts rows, except rows whose key is in the copy already. */
  #insertInto({ name, columns }: SalvageTable): Take {
    const places = columns.map(() => '?').join(', ');
    const insert = this.#to.prepare(
      `INSERT OR IGNORE INTO ${name} (${columns.join(', ')}) VALUES (${places})`,
    );
    return (row) => insert.run(columns.map((column) => row[column])).changes;
  }
}
