import type { Recent, StoredRetained as RetainedValue } from '../database/recent-batch.ts';
import { recentValues } from '../database/recent-values.ts';
import type { Connection } from '../database/sqlite.ts';
import { fitting } from './fitting-rows.ts';

/** A retained message, whether it is in a row or in a batch. */
export type StoredRetained = RetainedValue<Buffer>;

type Row = Omit<StoredRetained, 'properties'> & {
  readonly rowid: number;
  properties: Buffer | null;
};

// Most have no properties: an empty buffer for each of 100,000 takes a tenth of the time.
const COLUMNS = `rowid, topic, qos, payload, publisher, nullif(properties, x'') AS properties, expires`;
const NO_PROPERTIES = Buffer.alloc(0);

/**
 * The retained messages that were stored at the start, without rows that do not fit. They are read while the gateway
 * runs, and stay as they were whatever it writes meanwhile. Each method throws SQLite's error.
 */
export class RetainedSnapshot {
  /** How many there are, with rows that do not fit. */
  readonly count: number;
  /** How many rows do not fit: 0 until all others have been taken. */
  unfit = 0;
  /** Rows that have not been taken. */
  #left: number;
  readonly #db: Connection;
  /** The latest values of the topics in batches. */
  #recent: ReadonlyMap<string, Recent<Buffer>>;
  readonly #untaken: Iterator<Recent<Buffer>>;
  readonly #next;
  readonly #find;
  /** The number of the last row that was taken. */
  #last = 0;

  constructor(db: Connection) {
    this.#db = db;
    // One transaction: what the writer commits later is not in it.
    db.exec('BEGIN');
    this.#recent = recentValues(db);
    this.#untaken = this.#recent.values();
    const fits = fitting('retained');
    this.#next = db.prepare<[number, number], Row>(
      `SELECT ${COLUMNS} FROM retained WHERE rowid > ? AND ${fits} ORDER BY rowid LIMIT ?`,
    );
    this.#find = db.prepare<[string], Row>(
      `SELECT ${COLUMNS} FROM retained WHERE topic = ? AND ${fits}`,
    );
    this.#left = db.prepare('SELECT count(*) FROM retained').pluck().get() as number;
    this.count = this.#left + this.#withoutRow();
  }

  /** How many topics have their value only in a batch. */
  #withoutRow(): number {
    const hasRow = this.#db.prepare('SELECT 1 FROM retained WHERE topic = ?').pluck();
    let count = 0;
    for (const { topic, payload } of this.#recent.values()) {
      if (payload !== undefined && hasRow.get(topic) === undefined) count++;
    }
    return count;
  }

  /** The message of a topic, whether it was taken or not. */
  find(topic: string): StoredRetained | undefined {
    if (!this.#db.open) return undefined;
    const recent = this.#recent.get(topic);
    if (recent?.payload !== undefined) return recent;
    const row = this.#find.get(topic);
    return row && messageOf(row);
  }

  /** The next messages, at most `limit`, perhaps none; undefined when all have been taken, or after `close`. */
  take(limit: number): StoredRetained[] | undefined {
    if (!this.#db.open) return undefined;
    const values = this.#takeRecent(limit);
    if (values.length > 0) return values;
    const rows = this.#next.all(this.#last, limit);
    const last = rows.at(-1);
    if (!last) {
      this.unfit = this.#left;
      return undefined;
    }
    this.#last = last.rowid;
    this.#left -= rows.length;
    for (const row of rows) {
      if (this.#recent.get(row.topic)?.payload === undefined) values.push(messageOf(row));
    }
    return values;
  }

  #takeRecent(limit: number): StoredRetained[] {
    const values: StoredRetained[] = [];
    while (values.length < limit) {
      const { value, done } = this.#untaken.next();
      if (done) break;
      if (value.payload !== undefined) values.push(value);
    }
    return values;
  }

  /** Ends the transaction, and gives the connection: it sees what is stored now. */
  release(): Connection {
    this.#db.exec('COMMIT');
    return this.#db;
  }

  close(): void {
    this.#db.close();
    this.#recent = new Map();
  }
}

function messageOf(row: Row): StoredRetained {
  row.properties ??= NO_PROPERTIES;
  return row as StoredRetained;
}
