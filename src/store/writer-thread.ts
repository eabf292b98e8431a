import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { type Batch, RANGE, ROW, SHARED } from './batch.ts';
import { type Connection, migrate, openConnection } from './database.ts';
import { type Reply, type Request, transferable } from './writer.ts';

const { file } = workerData as { file: string };
const port = parentPort!;

type Statement = Database.Statement<unknown[]>;

interface Prepared {
  readonly db: Connection;
  readonly begin: Statement;
  readonly commit: Statement;
  readonly rollback: Statement;
  readonly operations: Record<Batch['operations'][number][0], readonly Statement[]>;
  readonly addShared: Statement;
  readonly addRow: Statement;
  readonly hasRow: Statement;
  readonly unshare: Statement;
  readonly dropShared: Statement;
  readonly dropRows: Statement;
  readonly load: Statement;
}

/** Rows of a session in a run of sequence numbers, both ends included. */
const RUN = 'session = ? AND seq BETWEEN ? AND ?';
/** Such rows that name a shared body give up their hold on it. */
const UNSHARE = `
  UPDATE message SET refs = refs - 1
  WHERE id IN (SELECT message FROM queue WHERE ${RUN} AND message IS NOT NULL)`;
const DROP_SHARED = `
  DELETE FROM message WHERE refs <= 0
  AND id IN (SELECT message FROM queue WHERE ${RUN} AND message IS NOT NULL)`;
const DROP_ROWS = `DELETE FROM queue WHERE ${RUN}`;
/** The same for all rows of a session. */
const whole = (sql: string): string => sql.replace(RUN, 'session = ?');

function open(): Prepared {
  const db = openConnection(file);
  try {
    // A start on a disk that took no writes has left this to the first write.
    migrate(db);
    return prepare(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Connection): Prepared {
  const sql = (text: string): Statement => db.prepare(text);
  return {
    db,
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    rollback: sql('ROLLBACK'),
    operations: {
      openSession: [
        sql('INSERT OR REPLACE INTO session (key, client_id, seen, sent) VALUES (?, ?, ?, 0)'),
      ],
      endSession: [
        sql(whole(UNSHARE)),
        sql(whole(DROP_SHARED)),
        sql(whole(DROP_ROWS)),
        sql('DELETE FROM subscription WHERE session = ?'),
        sql('DELETE FROM incoming WHERE session = ?'),
        sql('DELETE FROM session WHERE key = ?'),
      ],
      sessionSeen: [sql('UPDATE session SET seen = ? WHERE key = ?')],
      sessionOwner: [sql('UPDATE session SET owner = ? WHERE key = ?')],
      sessionSent: [sql('UPDATE session SET sent = ? WHERE key = ?')],
      subscribe: [
        sql('INSERT OR REPLACE INTO subscription (session, filter, qos) VALUES (?, ?, ?)'),
      ],
      unsubscribe: [sql('DELETE FROM subscription WHERE session = ? AND filter = ?')],
      incoming: [sql('INSERT OR IGNORE INTO incoming (session, packet_id) VALUES (?, ?)')],
      incomingDone: [sql('DELETE FROM incoming WHERE session = ? AND packet_id = ?')],
      released: [sql('UPDATE queue SET flags = flags | 16 WHERE session = ? AND seq = ?')],
      unreleased: [sql('UPDATE queue SET flags = flags & ~16 WHERE session = ? AND flags & 16')],
      retain: [sql('INSERT OR REPLACE INTO retained (topic, qos, payload) VALUES (?, ?, ?)')],
      unretain: [sql('DELETE FROM retained WHERE topic = ?')],
      putWill: [
        sql(
          'INSERT OR REPLACE INTO will (client_id, topic, qos, retain, payload) VALUES (?, ?, ?, ?, ?)',
        ),
      ],
      deleteWill: [sql('DELETE FROM will WHERE client_id = ?')],
      deadLetter: [sql('INSERT INTO dead_letter (uplink, at, reason, body) VALUES (?, ?, ?, ?)')],
      setState: [sql('INSERT OR REPLACE INTO state (owner, key, value) VALUES (?, ?, ?)')],
      setMeta: [sql('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')],
    },
    addShared: sql(
      `INSERT INTO message (id, refs, body) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET refs = refs + excluded.refs`,
    ),
    addRow: sql(
      'INSERT INTO queue (session, seq, flags, at, size, message, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    hasRow: sql('SELECT 1 FROM queue WHERE session = ? AND seq = ?'),
    unshare: sql(UNSHARE),
    dropShared: sql(DROP_SHARED),
    dropRows: sql(DROP_ROWS),
    load: db
      .prepare<unknown[]>(
        `SELECT seq, flags, at, coalesce(body, (SELECT m.body FROM message m WHERE m.id = queue.message))
         FROM queue WHERE session = ? AND seq >= ? ORDER BY seq LIMIT ?`,
      )
      .raw(true) as Statement,
  };
}

/** Deletes a run of rows, and the shared bodies that nobody holds after. */
function drop(from: Prepared, session: number, first: number, last: number): void {
  if (from.unshare.run(session, first, last).changes > 0) {
    from.dropShared.run(session, first, last);
  }
  from.dropRows.run(session, first, last);
}

function write(to: Prepared, batch: Batch): void {
  const { operations, bodies, rows, shared, deletes } = batch;
  const body = (offset: number, length: number): Buffer =>
    Buffer.from(bodies.buffer, offset, length);
  for (const [name, ...values] of operations) {
    for (const statement of to.operations[name]) statement.run(...values);
  }
  for (let i = 0; i < shared.length; i += SHARED) {
    to.addShared.run(shared[i]!, shared[i + 1]!, body(shared[i + 2]!, shared[i + 3]!));
  }
  for (let i = 0; i < rows.length; i += ROW) {
    const inline = rows[i + 4] === 0;
    const length = rows[i + 6]!;
    to.addRow.run(
      rows[i]!,
      rows[i + 1]!,
      rows[i + 2]!,
      rows[i + 3]!,
      length,
      inline ? null : rows[i + 4]!,
      inline ? body(rows[i + 5]!, length) : null,
    );
  }
  for (let i = 0; i < deletes.length; i += RANGE) {
    drop(to, deletes[i]!, deletes[i + 1]!, deletes[i + 2]!);
  }
}

/** Rows and bodies as two buffers, which cross to the other thread without being copied. */
function load(from: Prepared, session: number, seq: number, limit: number): Loaded {
  const numbers: number[] = [];
  const found: Buffer[] = [];
  let bytes = 0;
  let next = seq;
  const take = ([rowSeq, flags, at, body]: Row): void => {
    next = rowSeq + 1;
    // A row that is of no use must not keep back those behind it.
    if (!body || body.length < 2 || 2 + body.readUInt16BE(0) > body.length) return;
    numbers.push(rowSeq, flags, at, body.length);
    found.push(body);
    bytes += body.length;
  };
  // One by one until sizes are known to be small, then many at once, which costs half.
  let step = Math.min(limit, LOAD_STEP);
  let left = step;
  for (const row of from.load.iterate(session, seq, step)) {
    take(row as Row);
    left--;
    if (bytes > LOAD_BYTES) break;
  }
  while (left === 0 && found.length < limit && bytes < LOAD_BYTES / 2) {
    step = Math.min(limit - found.length, LOAD_STEP);
    const rows = from.load.all(session, next, step) as Row[];
    for (const row of rows) take(row);
    left = step - rows.length;
  }
  const bodies = new Uint8Array(bytes);
  let offset = 0;
  for (const body of found) {
    bodies.set(body, offset);
    offset += body.length;
  }
  return { kind: 'loaded', rows: Float64Array.from(numbers), bodies };
}

type Row = [seq: number, flags: number, at: number, body: Buffer | null];
type Loaded = Extract<Reply, { kind: 'loaded' }>;

/** A load ends after this much, whatever its limit says: one answer stays small beside large messages. */
const LOAD_BYTES = 1024 * 1024;
/** Rows read at once. */
const LOAD_STEP = 64;

/** Bytes that this thread has handed to write(2), by the kernel's own count. */
function bytesWritten(): number {
  const wchar = /^wchar: (\d+)$/m.exec(readFileSync('/proc/thread-self/io', 'utf8'));
  return Number(wchar?.[1] ?? 0);
}

function buffersOf(reply: Reply): ArrayBuffer[] {
  if (reply.kind === 'failed' && reply.batch) return transferable(reply.batch);
  if (reply.kind === 'written') return [reply.bodies.buffer];
  return reply.kind === 'loaded' ? [reply.rows.buffer, reply.bodies.buffer] : [];
}

let prepared: Prepared | undefined;
/** A commit has failed: the file may hold it nevertheless, for the failure may have been that of the last fsync. */
let inDoubt = false;

/** Whether the batch that comes again is on disk already; without rows it may just as well be written twice. */
function isWritten(to: Prepared, { rows }: Batch): boolean {
  // Pages whose fsync has failed count as written to the kernel: a checkpoint writes what they hold once more.
  to.db.pragma('wal_checkpoint(TRUNCATE)');
  return rows.length > 0 && to.hasRow.get(rows[0], rows[1]) !== undefined;
}

/** Gets over a failure, so that the next request finds a connection that works or opens one. */
function giveUp(code: string): void {
  try {
    // A full disk spoils no connection, and what is stored can still be read over this one.
    if (code === 'SQLITE_FULL') {
      if (prepared?.db.inTransaction) prepared.rollback.run();
      return;
    }
    prepared?.db.close();
  } catch {
    // It is given up either way.
  }
  prepared = undefined;
}

function handle(request: Request): Reply {
  if (request.kind === 'close') {
    prepared?.db.close();
    prepared = undefined;
    return { kind: 'closed' };
  }
  if (request.kind === 'count') return { kind: 'counted', bytes: bytesWritten() };
  prepared ??= open();
  switch (request.kind) {
    case 'write': {
      const began = performance.now();
      if (!inDoubt || !isWritten(prepared, request.batch)) {
        prepared.begin.run();
        write(prepared, request.batch);
        prepared.commit.run();
      }
      inDoubt = false;
      return { kind: 'written', ms: performance.now() - began, bodies: request.batch.bodies };
    }
    case 'checkpoint':
      prepared.db.pragma('wal_checkpoint(TRUNCATE)');
      return { kind: 'checkpointed' };
    case 'load':
      return load(prepared, request.session, request.seq, request.limit);
  }
}

port.on('message', (request: Request) => {
  let reply: Reply;
  try {
    reply = handle(request);
  } catch (error) {
    const { message, code = 'ERROR' } = error as Error & { code?: string };
    if (request.kind === 'write' && code !== 'SQLITE_FULL') inDoubt = true;
    giveUp(code);
    reply =
      request.kind === 'write'
        ? { kind: 'failed', code, message, batch: request.batch }
        : { kind: 'failed', code, message };
  }
  port.postMessage(reply, buffersOf(reply));
});
