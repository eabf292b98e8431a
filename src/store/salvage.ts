import type { Connection } from './database.ts';
import type { RawRow } from './pages.ts';

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
  readonly order: readonly string[];
  /** What stands for columns at the end that rows of older versions don't have. */
  readonly defaults?: readonly unknown[];
  /** Its rows can be told from those of other tables wherever they lie; false where they can't. */
  readonly telling: boolean;
  makesSense(row: Row): boolean;
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
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
  order: ['key'],
  defaults: [''],
  telling: true,
  makesSense: (row) =>
    isWhole(row.key) &&
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
  order: ['id'],
  telling: true,
  makesSense: (row) => isWhole(row.id) && isBody(row.body),
};
const QUEUE: Table = {
  name: 'queue',
  columns: ['session', 'seq', 'flags', 'at', 'size', 'message', 'body'],
  key: 'seq',
  order: ['seq'],
  telling: true,
  makesSense: (row) =>
    isWhole(row.seq) &&
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
  order: ['rowid'],
  telling: true,
  makesSense: (row) => isTopic(row.topic) && isQos(row.qos) && Buffer.isBuffer(row.payload),
};
const WILL: Table = {
  name: 'will',
  columns: ['client_id', 'topic', 'qos', 'retain', 'payload'],
  key: 'rowid',
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
  const copy = (table: Table, allowed: (row: Row) => boolean, where = ''): number => {
    const names = table.columns;
    const insert = to.prepare(
      `INSERT OR IGNORE INTO ${table.name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    );
    let copied = 0;
    const take = (row: Row): void => {
      if (allowed(row)) copied += insert.run(names.map((name) => row[name])).changes;
    };
    const before = found.holes;
    for (const row of readTable(from, table, where, () => found.holes++)) {
      if (table.makesSense(row)) take(row);
      else found.holes++;
    }
    if (found.holes === before || !table.telling) return copied;
    for (const { rowid, values } of raw()) {
      const row = rowOf(table, rowid, values);
      if (row && table.makesSense(row)) take(row);
    }
    return copied;
  };
  to.transaction(() => {
    copy(META, () => true);
    copy(STATE, () => true);
    const keys = new Set<number>();
    found.sessions = copy(SESSION, () => true);
    for (const { key } of to.prepare('SELECT key FROM session').all() as { key: number }[]) {
      keys.add(key);
    }
    const known = (row: Row): boolean => keys.has(row.session as number);
    found.subscriptions = copy(SUBSCRIPTION, known);
    copy(INCOMING, known);
    const sizes = new Map<number, number>();
    copy(MESSAGE, (row) => {
      sizes.set(row.id as number, (row.body as Buffer).length);
      return true;
    });
    const hasBody = (row: Row): boolean => {
      const shared = sizes.get(row.message as number);
      row.size = shared ?? (row.body as Buffer | null)?.length;
      if (row.message !== null && shared === undefined) found.holes++;
      return row.message === null || shared !== undefined;
    };
    for (const key of keys) {
      const own = (row: Row): boolean => row.session === key && hasBody(row);
      found.queued += copy(QUEUE, own, `session = ${key} AND`);
    }
    countHolders(to);
    found.retained = copy(RETAINED, () => true);
    found.wills = copy(WILL, () => true);
  })();
  return found;
}

/** Sets how many queue rows name each shared body, and removes those that none names. */
function countHolders(db: Connection): void {
  const set = db.prepare('UPDATE message SET refs = ? WHERE id = ?');
  db.exec('UPDATE message SET refs = 0');
  const counts = db
    .prepare('SELECT message, count(*) FROM queue WHERE message IS NOT NULL GROUP BY message')
    .raw()
    .all() as [number, number][];
  for (const [id, refs] of counts) set.run(refs, id);
  db.exec('DELETE FROM message WHERE refs = 0');
}

/** A raw row under the table's column names; undefined where it can't be one of its rows. */
function rowOf(
  table: Table,
  rowid: number | undefined,
  values: readonly unknown[],
): Row | undefined {
  const { columns, key, defaults = [] } = table;
  const hasRowid = table !== QUEUE && key !== undefined;
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

/** Every row that can be read, whatever pages in between are damaged; `hole` is called for each such place. */
function* readTable(db: Connection, table: Table, where: string, hole: () => void): Iterable<Row> {
  const { name, columns, key, order } = table;
  const select = `SELECT ${columns.join(', ')}${key ? `, ${key} AS place` : ''} FROM ${name} NOT INDEXED WHERE ${where}`;
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
  const after = `${select} ${key} > ? ORDER BY ${key}`;
  const between = `${select} ${key} > ? AND ${key} < ? ORDER BY ${key} DESC`;
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
