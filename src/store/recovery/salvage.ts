import { entryOf, type LegacyRow } from '../database/legacy-queue.ts';
import { recentValues } from '../database/recent-values.ts';
import {
  decodeSegment,
  encodeSegment,
  type SegmentEntry,
  type StoredSegment,
} from '../database/segment.ts';
import { SegmentTable } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';
import type { DatabasePages } from './database-pages.ts';
import { lostBetween } from './lost-numbers.ts';
import type { RawRow } from './page-rows.ts';
import {
  DEAD_LETTER,
  DELAYED_WILL,
  INCOMING,
  isWhole,
  MESSAGE,
  META,
  QUEUE,
  RECENT,
  RETAINED,
  type Row,
  rowOf,
  type SalvageTable,
  SEGMENT,
  SESSION,
  SESSION_NAME,
  STATE,
  SUBSCRIPTION,
  WILL,
} from './salvage-tables.ts';
import { TablePages } from './table-pages.ts';

/** Numbers of what was copied from a damaged database, and of what was not. */
export interface Salvaged {
  sessions: number;
  subscriptions: number;
  /** QoS 2 messages that were published and not released. */
  incoming: number;
  /** Messages in queues. */
  queued: number;
  retained: number;
  wills: number;
  /** Messages that a plant has refused. */
  refused: number;
  /** Values that sensors and other parts keep. */
  states: number;
  /** Places that could not be read, and rows that were not valid. */
  unreadable: number;
  /** Messages that are known to be lost; there may be more in the unreadable places. */
  lost: number;
}

export const NOTHING: Readonly<Salvaged> = {
  sessions: 0,
  subscriptions: 0,
  incoming: 0,
  queued: 0,
  retained: 0,
  wills: 0,
  refused: 0,
  states: 0,
  unreadable: 0,
  lost: 0,
};

/** Copies a row; returns how many rows or messages were not in the copy yet. */
type Take = (row: Row) => number;

/** Pages after which the copy is committed: its write-ahead log stays small. */
const PAGES_IN_COMMIT = 5000;

/**
 * Copies, page by page, all rows that can be read and are valid; `to` is an empty database of this version.
 * A page whose tree is damaged is found nevertheless: its rows are recognised by their values.
 */
export function salvage(from: DatabasePages, to: Connection): Salvaged {
  const copy = new Salvage(from, to);
  to.exec('BEGIN');
  copy.run();
  to.exec('COMMIT');
  return copy.found;
}

class Salvage {
  readonly found: Salvaged = { ...NOTHING };
  readonly #from: TablePages;
  readonly #to: Connection;
  readonly #segments: SegmentTable;
  /** Tables of which rows are missing. */
  readonly #damaged = new Set<string>();
  /** How many copied entries refer to each shared body. */
  readonly #holders = new Map<number, number>();
  #pages = 0;

  constructor(from: DatabasePages, to: Connection) {
    this.#from = new TablePages(from);
    this.#to = to;
    this.#segments = new SegmentTable(to);
  }

  run(): void {
    const { found } = this;
    // With all of their trees unknown, the tables themselves may be whole.
    if (!this.#from.hasSchema) found.unreadable++;
    found.unreadable += this.#from.strangeTables;
    this.#copy(META);
    found.states = this.#copy(STATE);
    const sessions = this.#copySessions();
    this.#copy(MESSAGE);
    found.queued =
      this.#copy(SEGMENT, this.#segmentOf(sessions)) +
      this.#copy(QUEUE, this.#legacyRowOf(sessions));
    this.#setHolders();
    found.refused = this.#copy(DEAD_LETTER);
    found.retained = this.#copy(RETAINED) + this.#copyRecent();
    found.wills = this.#copy(WILL) + this.#copy(DELAYED_WILL);
    this.#countLost();
  }

  /** Copies the batches of retained values; returns how many topics have no row beside their value in a batch. */
  #copyRecent(): number {
    this.#copy(RECENT);
    const has = this.#to.prepare('SELECT 1 FROM retained WHERE topic = ?');
    let copied = 0;
    for (const { topic, payload } of recentValues(this.#to).values()) {
      if (payload !== undefined && has.get(topic) === undefined) copied++;
    }
    return copied;
  }

  /** Copies the sessions with their subscriptions and packet identifiers; returns the sessions' numbers. */
  #copySessions(): ReadonlySet<number> {
    const { found } = this;
    found.sessions = this.#copy(SESSION);
    if (this.#damaged.has(SESSION.name)) found.sessions += this.#copyNames();
    const keys = this.#to.prepare('SELECT key FROM session').pluck().all() as number[];
    const sessions = new Set(keys);
    const ofSessions = (table: SalvageTable): Take => {
      const insert = this.#insertInto(table);
      return (row) => (sessions.has(row.session as number) ? insert(row) : 0);
    };
    found.subscriptions = this.#copy(SUBSCRIPTION, ofSessions(SUBSCRIPTION));
    found.incoming = this.#copy(INCOMING, ofSessions(INCOMING));
    return sessions;
  }

  /**
   * Sessions of which only the name is left: their queues must not be lost with one page. They have no owner, like
   * those of versions that knew none, and all of their messages count as sent.
   */
  #copyNames(): number {
    const insert = this.#to.prepare(
      'INSERT OR IGNORE INTO session (key, client_id, seen, sent) VALUES (?, ?, 0, ?)',
    );
    let copied = 0;
    for (const raw of this.#from.indexOf(SESSION)) {
      const row = rowOf(SESSION_NAME, raw);
      if (row) copied += insert.run(row.key, row.client_id, SENT_UNKNOWN).changes;
    }
    return copied;
  }

  #segmentOf(sessions: ReadonlySet<number>): Take {
    return (row) => {
      const session = row.session as number;
      if (!sessions.has(session)) return 0;
      const segment = row as unknown as StoredSegment;
      const { entries, sound } = decodeSegment(segment, row.first as number);
      const { count } = segment;
      // A row that is cut off between two entries is sound in itself.
      const lost = isWhole(count) && count < 2 ** 20 ? Math.max(0, count - entries.length) : 0;
      if (!sound || lost > 0) this.found.unreadable++;
      this.found.lost += lost;
      return this.#insertEntries(session, entries);
    };
  }

  #legacyRowOf(sessions: ReadonlySet<number>): Take {
    return (row) => {
      const session = row.session as number;
      const entry = sessions.has(session) && entryOf(row as unknown as LegacyRow);
      return entry ? this.#insertEntries(session, [entry]) : 0;
    };
  }

  /** Inserts the entries whose body was copied, except entries that are in the copy already. */
  #insertEntries(session: number, entries: readonly SegmentEntry[]): number {
    const missing = entries.filter(({ seq }) => !this.#segments.covers(session, seq));
    const whole = missing.filter(
      ({ shared }) => shared === 0 || this.#segments.sharedBody(shared) !== undefined,
    );
    const bodiless = missing.length - whole.length;
    this.found.unreadable += bodiless;
    this.found.lost += bodiless;
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
    this.#to.exec(
      `UPDATE session SET sent = coalesce(
         (SELECT max(first + span) FROM segment WHERE session = session.key), 0)
       WHERE sent = ${SENT_UNKNOWN}`,
    );
  }

  /** Copies a table; returns the sum of the results of `take`. */
  #copy(table: SalvageTable, take = this.#insertInto(table)): number {
    const { found } = this;
    const before = found.unreadable;
    let copied = 0;
    found.unreadable += this.#from.gapsOf(table).length;
    for (const { rows, unreadable } of this.#from.rowsOf(table)) {
      found.unreadable += unreadable;
      for (const raw of rows) {
        const row = rowOf(table, raw);
        if (row) copied += take(row);
        else this.#countUnreadable(table, raw);
      }
      this.#commitSometimes();
    }
    if (found.unreadable > before) this.#damaged.add(table.name);
    else if (this.#from.hasTree(table)) return copied;
    for (const { rows } of this.#from.straysOf(table)) {
      for (const raw of rows) {
        const row = rowOf(table, raw);
        if (row) copied += take(row);
      }
      this.#commitSometimes();
    }
    return copied;
  }

  /** Counts a row that is not valid, with the messages that are lost with it. */
  #countUnreadable(table: SalvageTable, { values }: RawRow): void {
    this.found.unreadable++;
    if (table === DEAD_LETTER) this.found.lost++;
    const count = table === SEGMENT ? values[SEGMENT.columns.indexOf('count')] : 0;
    if (isWhole(count) && count < 2 ** 20) this.found.lost += count;
  }

  /**
   * Adds what is missing in the numbers of messages, and the names that an index has and its table has not. A retained
   * message whose value is in a batch does not need its row.
   */
  #countLost(): void {
    for (const table of [SEGMENT, DEAD_LETTER]) {
      this.found.lost += lostBetween(this.#to, table.name, this.#from.gapsOf(table));
    }
    const recent = recentValues(this.#to);
    for (const table of [RETAINED, WILL, DELAYED_WILL]) {
      if (!this.#damaged.has(table.name)) continue;
      const { name, columns } = table;
      const has = this.#to.prepare(`SELECT 1 FROM ${name} WHERE ${columns[0]} = ?`);
      for (const { values } of this.#from.indexOf(table)) {
        const [first] = values;
        if (typeof first !== 'string' || has.get(first) !== undefined) continue;
        if (table !== RETAINED || recent.get(first)?.payload === undefined) this.found.lost++;
      }
    }
  }

  #commitSometimes(): void {
    if (++this.#pages % PAGES_IN_COMMIT === 0) this.#to.exec('COMMIT; BEGIN');
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

/** In `sent`, until the queue is copied. */
const SENT_UNKNOWN = -1;
