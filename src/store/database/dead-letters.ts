import type { Connection } from './sqlite.ts';

/** At most so many refused messages are kept, of all uplinks together, and so many bytes of them. */
const MESSAGES = 10_000;
const BYTES = 64 * 1024 * 1024;
/** How long one is kept, in milliseconds. */
const AGE_MS = 30 * 24 * 3_600_000;
/** What a row costs beside its message. */
const ROW_BYTES = 200;

/** The refused messages: the latest, within their bounds of number, bytes and age; a new one is always kept. */
export class DeadLetters {
  readonly #insert;
  readonly #bounds;
  readonly #dropOldest;
  readonly #drop;
  readonly #sum;
  readonly #oldest;
  /** Bytes that are stored; undefined while that must be counted. */
  #bytes: number | undefined;

  constructor(db: Connection) {
    const sizeOf = `length(body) + length(reason) + ${ROW_BYTES}`;
    this.#insert = db.prepare(
      'INSERT INTO dead_letter (uplink, at, reason, body) VALUES (?, ?, ?, ?)',
    );
    this.#bounds = db.prepare('SELECT min(id) AS first, max(id) AS last FROM dead_letter');
    this.#dropOldest = db
      .prepare(
        `DELETE FROM dead_letter WHERE id = (SELECT min(id) FROM dead_letter) RETURNING ${sizeOf}`,
      )
      .pluck();
    this.#drop = db.prepare('DELETE FROM dead_letter WHERE uplink = ?');
    this.#oldest = db.prepare('SELECT at FROM dead_letter ORDER BY id LIMIT 1').pluck();
    // The length of a value is in the head of its row: no message is read.
    this.#sum = db.prepare(`SELECT coalesce(sum(${sizeOf}), 0) FROM dead_letter`).pluck();
  }

  /** Deletes those that are older than 30 days, at a time of the stored clock. */
  expire(now: number): void {
    let oldest = this.#oldest.get() as number | undefined;
    if (oldest === undefined || oldest >= now - AGE_MS) return;
    this.#bytes = undefined;
    for (; oldest !== undefined && oldest < now - AGE_MS; oldest = this.#oldest.get() as number) {
      this.#dropOldest.get();
    }
  }

  /** Adds a message; the oldest ones leave when a bound is reached. */
  add(uplink: string, at: number, reason: string, body: Uint8Array): void {
    this.expire(at);
    let bytes = this.#bytes ?? (this.#sum.get() as number);
    this.#bytes = undefined;
    const { first, last } = this.#bounds.get() as { first: number | null; last: number | null };
    const size = body.length + reason.length + ROW_BYTES;
    let left = first === null || last === null ? 0 : last - first + 1;
    while (left > 0 && (left >= MESSAGES || bytes + size > BYTES)) {
      const dropped = this.#dropOldest.get() as number | undefined;
      if (dropped === undefined) break;
      bytes -= dropped;
      left--;
    }
    this.#insert.run(uplink, at, reason, body);
    this.#bytes = bytes + size;
  }

  /** Deletes those of one uplink. */
  drop(uplink: string): void {
    this.#bytes = undefined;
    this.#drop.run(uplink);
  }

  /** A transaction was undone. */
  undone(): void {
    this.#bytes = undefined;
  }
}
