import { entryOf, type LegacyRow } from '../database/legacy-queue.ts';
import {
  decodeSegment,
  encodeSegment,
  type SegmentEntry,
  type StoredSegment,
} from '../database/segment.ts';
import { LAST_SESSION, NUMBER_BITS, SegmentTable, segmentId } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';
import type { RawRow } from './leaf-pages.ts';

/** What was carried over from a damaged database. */
export interface Salvaged {
  sessions: number;
  subscriptions: number;
  /** Messages in queues. */
  queued: number;
  retained: number;
  wills: number;
  /** Places that could not be read, and rows that made no sense. */
  holes: number;
}

type Row = Record<string, unknown>;

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** A column of whole numbers by which the table is in order; without one it is read from both ends. */
  readonly key?: string;
  /** The key is the rowid, which stands beside the row's values. */
  readonly rowid?: boolean;
  readonly order: readonly string[];
  /** What stands for columns at the end that rows of older versions don't have. */
  readonly defaults?: readonly unknown[];
  /** Its rows can be told from those of other tables wherever they lie; false where they can't. */
  readonly telling: boolean;
  makesSense(row: Row): boolean;
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const isKey = (value: unknown): value is number =>
  isWhole(value) && value > 0 && value <= LAST_SESSION;
const isSeq = (value: unknown): value is number =>
  isWhole(value) && value >= 0 && value < 2 ** NUMBER_BITS;
const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && !/[\0\ufffd]/.test(value);
const isTopic = (value: unknown): boolean => isText(value) && !/[#+]/.test(value as string);
const isQos = (value: unknown): boolean => value === 0 || value === 1 || value === 2;
/** Topic length, topic, payload. */
const isBody = (value: unknown): boolean =>
  Buffer.isBuffer(value) && value.length > 2 && 2 + value.readUInt16BE(0) <= value.length;

const META: Table = {
  name: 'meta',
  columns: ['key', 'value'],
  order: ['key'],
  telling: false,
  makesSense: (row) => isText(row.key) && isWhole(row.value),
};
const SESSION: Table = {
  name: 'session',
  columns: ['key', 'client_id', 'seen', 'sent', 'owner'],
  key: 'key',
  rowid: true,
  order: ['key'],
  defaults: [''],
  telling: true,
  makesSense: (row) =>
    isKey(row.key) &&
    isText(row.client_id) &&
    isWhole(row.seen) &&
    isWhole(row.sent) &&
    typeof row.owner === 'string',
};
const SUBSCRIPTION: Table = {
  name: 'subscription',
  columns: ['session', 'filter', 'qos'],
  order: ['session', 'filter'],
  telling: true,
  makesSense: (row) => isWhole(row.session) && isText(row.filter) && isQos(row.qos),
};
const MESSAGE: Table = {
  name: 'message',
  columns: ['id', 'refs', 'body'],
  key: 'id',
  rowid: true,
  order: ['id'],
  telling: true,
  makesSense: (row) => isWhole(row.id) && isBody(row.body),
};
const SEGMENT: Table = {
  name: 'segment',
  columns: ['id', 'session', 'first', 'span', 'count', 'bytes', 'at', 'form', 'body'],
  key: 'id',
  rowid: true,
  order: ['id'],
  telling: true,
  makesSense: (row) =>
    isKey(row.session) &&
    isSeq(row.first) &&
    isWhole(row.at) &&
    isWhole(row.form) &&
    row.form < 8 &&
    Buffer.isBuffer(row.body) &&
    decodeSegment(row as unknown as StoredSegment, row.first).entries.length > 0,
};
/** What versions before the fourth had in the place of segments. */
const QUEUE: Table = {
  name: 'queue',
  columns: ['session', 'seq', 'flags', 'at', 'size', 'message', 'body'],
  key: 'seq',
  order: ['seq'],
  telling: true,
  makesSense: (row) =>
    isSeq(row.seq) &&
    isWhole(row.at) &&
    isWhole(row.flags) &&
    row.flags < 32 &&
    ((row.flags & 3) === 1 || (row.flags & 3) === 2) &&
    (row.message === null ? isBody(row.body) : isWhole(row.message)),
};
const INCOMING: Table = {
  name: 'incoming',
  columns: ['session', 'packet_id'],
  order: ['session', 'packet_id'],
  telling: false,
  makesSense: (row) => isWhole(row.session) && isWhole(row.packet_id),
};
const RETAINED: Table = {
  name: 'retained',
  columns: ['topic', 'qos', 'payload'],
  key: 'rowid',
  rowid: true,
  order: ['rowid'],
  telling: true,
  makesSense: (row) => isTopic(row.topic) && isQos(row.qos) && Buffer.isBuffer(row.payload),
};
const WILL: Table = {
  name: 'will',
  columns: ['client_id', 'topic', 'qos', 'retain', 'payload'],
  key: 'rowid',
  rowid: true,
  order: ['rowid'],
  telling: true,
  makesSense: (row) =>
    isText(row.client_id) && isTopic(row.topic) && isQos(row.qos) && Buffer.isBuffer(row.payload),
};
const STATE: Table = {
  name: 'state',
  columns: ['owner', 'key', 'value'],
  order: ['owner', 'key'],
  telling: false,
  makesSense: (row) => isText(row.owner) && isText(row.key) && isText(row.value),
};

/**
 * Copies row by row what can be read and makes sense; `to` is an empty database of this version.
 * `raw` gives the rows that lie in single pages, for tables whose tree has a hole.
 */
export function salvage(from: Connection, to: Connection, raw: () => Iterable<RawRow>): Salvaged {
  const found = { sessions: 0, subscriptions: 0, queued: 0, retained: 0, wills: 0, holes: 0 };
  const segments = new SegmentTable(to);
  const insertInto = ({ name, columns }: Table): ((row: Row) => number) => {
    const places = columns.map(() => '?').join(', ');
    const insert = to.prepare(
      `INSERT OR IGNORE INTO ${name} (${columns.join(', ')}) VALUES (${places})`,
    );
    return (row) => insert.run(columns.map((column) => row[column])).changes;
  };
  /** `take` gives how many rows or messages were new. */
  const copy = (table: Table, take = insertInto(table), within?: Within): number => {
    let copied = 0;
    const before = found.holes;
    for (const row of readTable(from, table, within, () => found.holes++)) {
      if (table.makesSense(row)) copied += take(row);
      else found.holes++;
    }
    if (found.holes === before || !table.telling) return copied;
    for (const { rowid, values } of raw()) {
      const row = rowOf(table, rowid, values);
      if (row && table.makesSense(row)) copied += take(row);
    }
    return copied;
  };
  to.transaction(() => {
    copy(META);
    copy(STATE);
    found.sessions = copy(SESSION);
    const keys = new Set(to.prepare('SELECT key FROM session').pluck().all() as number[]);
    const ofKnown = (table: Table): ((row: Row) => number) => {
      const take = insertInto(table);
      return (row) => (keys.has(row.session as number) ? take(row) : 0);
    };
    found.subscriptions = copy(SUBSCRIPTION, ofKnown(SUBSCRIPTION));
    copy(INCOMING, ofKnown(INCOMING));
    copy(MESSAGE);
    const holders = new Map<number, number>();
    /** Puts in the entries whose body is there, unless they are there already. */
    const takeSegment = (session: number, entries: readonly SegmentEntry[]): number => {
      const fresh = entries.filter(({ seq }) => !segments.covers(session, seq));
      const whole = fresh.filter(
        ({ shared }) => shared === 0 || segments.sharedBody(shared) !== undefined,
      );
      found.holes += fresh.length - whole.length;
      const first = whole[0]?.seq;
      if (first === undefined) return 0;
      segments.insert(session, first, encodeSegment(whole, first), true);
      for (const { shared } of whole) {
        if (shared > 0) holders.set(shared, (holders.get(shared) ?? 0) + 1);
      }
      return whole.length;
    };
    const isFormer = hasTable(from, QUEUE);
    for (const key of keys) {
      if (!isFormer || hasTable(from, SEGMENT)) {
        const take = (row: Row): number => {
          if (row.session !== key) return 0;
          const { entries, sound } = decodeSegment(
            row as unknown as StoredSegment,
            row.first as number,
          );
          if (!sound) found.holes++;
          return takeSegment(key, entries);
        };
        found.queued += copy(SEGMENT, take, segmentsOf(key));
      }
      if (isFormer) {
        const take = (row: Row): number => {
          if (row.session !== key) return 0;
          const entry = entryOf(row as unknown as LegacyRow);
          return entry ? takeSegment(key, [entry]) : 0;
        };
        found.queued += copy(QUEUE, take, { where: `session = ${key} AND`, base: '0' });
      }
    }
    setHolders(to, holders);
    found.retained = copy(RETAINED);
    found.wills = copy(WILL);
  })();
  return found;
}

function hasTable(db: Connection, { name }: Table): boolean {
  try {
    db.prepare(`SELECT 1 FROM ${name} LIMIT 0`);
    return true;
  } catch {
    return false;
  }
}

/** Sets how many entries name each shared body, and removes those that none names. */
function setHolders(db: Connection, holders: ReadonlyMap<number, number>): void {
  const set = db.prepare('UPDATE message SET refs = ? WHERE id = ?');
  db.exec('UPDATE message SET refs = 0');
  for (const [id, refs] of holders) set.run(refs, id);
  db.exec('DELETE FROM message WHERE refs = 0');
}

/** A raw row under the table's column names; undefined where it can't be one of its rows. */
function rowOf(
  table: Table,
  rowid: number | undefined,
  values: readonly unknown[],
): Row | undefined {
  const { columns, key, defaults = [] } = table;
  const hasRowid = table.rowid === true;
  const lacking = columns.length - values.length;
  if (lacking < 0 || lacking > defaults.length || (rowid !== undefined) !== hasRowid) {
    return undefined;
  }
  const whole = [...values, ...defaults.slice(defaults.length - lacking)];
  const row: Row = Object.fromEntries(columns.map((name, n) => [name, whole[n]]));
  // A column that is the rowid itself is stored as null.
  if (key && columns[0] === key && hasRowid) row[key] = row[key] ?? rowid;
  return row;
}

/** The farthest that a damaged place is jumped over. */
const JUMP_LIMIT = 2 ** 40;

/** A part of a table, by a condition that ends with AND, and where its keys count from. */
interface Within {
  readonly where: string;
  readonly base: string;
}

function segmentsOf(session: number): Within {
  const [low, high] = [segmentId(session, 0), segmentId(session + 1, 0)];
  return { where: `id >= ${low} AND id < ${high} AND`, base: `${low}` };
}

/** Every row that can be read, whatever pages in between are damaged; `hole` is called for each such place. */
function* readTable(
  db: Connection,
  table: Table,
  within: Within = { where: '', base: '0' },
  hole: () => void,
): Iterable<Row> {
  const { name, columns, key, order } = table;
  const { where, base } = within;
  const select = `SELECT ${columns.join(', ')}${key ? `, ${key} - ${base} AS place` : ''} FROM ${name} NOT INDEXED WHERE ${where}`;
  if (!key) {
    const up = ascending(db, `${select} true ORDER BY ${order.join(', ')}`, [], hole);
    let broken = false;
    for (const row of up) {
      if (row) yield row;
      else broken = true;
    }
    // Rows that were read from the front already are refused by the copy's own key.
    const down = `${select} true ORDER BY ${order.map((one) => `${one} DESC`).join(', ')}`;
    if (broken) for (const row of ascending(db, down, [], () => undefined)) if (row) yield row;
    return;
  }
  const after = `${select} ${key} > ${base} + CAST(? AS INTEGER) ORDER BY ${key}`;
  const between = `${select} ${key} > ${base} + CAST(? AS INTEGER) AND ${key} < ${base} + CAST(? AS INTEGER) ORDER BY ${key} DESC`;
  let at = Number.MIN_SAFE_INTEGER;
  for (;;) {
    let broken = false;
    for (const row of ascending(db, after, [at], hole)) {
      if (!row) broken = true;
      else {
        if (isWhole(row.place)) at = row.place;
        yield row;
      }
    }
    if (!broken) return;
    const beyond = jump(db, `${after} LIMIT 1`, Math.max(at, 0));
    if (beyond === undefined) return;
    for (const row of ascending(db, between, [at, beyond + 1], () => undefined)) {
      if (row) yield row;
    }
    at = beyond;
  }
}

/** The rows, then `undefined` if they ended at a place that can't be read. */
function* ascending(
  db: Connection,
  sql: string,
  bounds: readonly number[],
  hole: () => void,
): Iterable<Row | undefined> {
  try {
    yield* db.prepare(sql).iterate(...bounds) as IterableIterator<Row>;
  } catch {
    hole();
    yield undefined;
  }
}

/** The key of the first row beyond a damaged place that can be read; undefined when there is none. */
function jump(db: Connection, sql: string, from: number): number | undefined {
  for (let step = 1; step < JUMP_LIMIT; step *= 2) {
    try {
      const row = db.prepare(sql).get(from + step) as Row | undefined;
      if (!row) return undefined;
      if (isWhole(row.place)) return row.place;
    } catch {
      // Still inside it.
    }
  }
  return undefined;
}
