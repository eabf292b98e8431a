import { parentPort, workerData } from 'node:worker_threads';
import { bytesWrittenByThread } from '../../base/thread-writes.ts';
import { openConnection } from '../database/database.ts';
import { DeadLetters } from '../database/dead-letters.ts';
import { FreeSpace } from '../database/free-space.ts';
import { migrate } from '../database/migrations.ts';
import { RecentValues } from '../database/recent-values.ts';
import { SegmentEdits } from '../database/segment-edits.ts';
import { SegmentTable } from '../database/segment-table.ts';
import { type Connection, emptyLog, type Statement } from '../database/sqlite.ts';
import { errorCode, isFaultOfChange, isFull, isNameLost } from '../database/sqlite-errors.ts';
import { type Batch, RANGE, SEGMENT, SHARED } from './batch.ts';
import { DatabaseName } from './database-name.ts';
import { type Operations, prepareOperations } from './operations.ts';
import { type Reply, type Request, transferable } from './writer.ts';

const { file } = workerData as { file: string };
const port = parentPort!;

/**
 * A smaller commit comes from a slow, steady stream: deflating it takes time and saves written pages. Of larger ones, for
 * example all readings of a second, or what came while the disk was slow, so many bytes a second are deflated.
 */
const STEADY_BYTES = 64 * 1024;
const DEFLATED_BYTES_PER_S = 512 * 1024;
/** The most that is saved up of that. */
const DEFLATED_BYTES = 2 * 1024 * 1024;

type SegmentNumbers = [
  session: number,
  first: number,
  span: number,
  count: number,
  bytes: number,
  at: number,
  form: number,
  offset: number,
  length: number,
];

/** A checkpoint has to wait: the batch may be written later. */
class LogInUseError extends Error {
  readonly code = 'SQLITE_BUSY';
}

interface Prepared {
  readonly db: Connection;
  readonly name: DatabaseName;
  readonly begin: Statement;
  readonly commit: Statement;
  readonly rollback: Statement;
  readonly operations: Operations;
  readonly deadLetters: DeadLetters;
  readonly recent: RecentValues;
  readonly segments: SegmentTable;
  readonly edits: SegmentEdits;
}

function open(): Prepared {
  const db = openConnection(file);
  try {
    // After a start on a disk that accepted no writes, the database is not migrated yet.
    migrate(db);
    return prepare(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Connection): Prepared {
  const sql = (text: string): Statement => db.prepare(text);
  const edits = new SegmentEdits(db);
  const deadLetters = new DeadLetters(db);
  const recent = new RecentValues(db);
  return {
    db,
    name: new DatabaseName(file, db),
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    rollback: sql('ROLLBACK'),
    operations: prepareOperations(db, edits, deadLetters, recent),
    segments: new SegmentTable(db),
    edits,
    deadLetters,
    recent,
  };
}

/** The parts of one commit, in their order. */
function write(to: Prepared, parts: readonly Batch[]): void {
  const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  to.edits.discardEdits();
  const isSteady = bytes <= STEADY_BYTES;
  for (const part of parts) writePart(to, part, isSteady);
  to.edits.flushEdits();
  to.recent.flush();
}

/** Bytes of large commits that may be deflated, as of `deflateAt`. */
let deflateBytes = DEFLATED_BYTES;
let deflateAt = 0;

/** Whether a segment of a large commit may be deflated; takes its bytes from the share of this second. */
function mayDeflate(bytes: number): boolean {
  const now = performance.now();
  const gained = ((now - deflateAt) * DEFLATED_BYTES_PER_S) / 1000;
  deflateBytes = Math.min(DEFLATED_BYTES, deflateBytes + gained);
  deflateAt = now;
  if (bytes > deflateBytes) return false;
  deflateBytes -= bytes;
  return true;
}

function writePart(to: Prepared, batch: Batch, isSteady: boolean): void {
  const { bytes, segments, shared, deletes } = batch;
  const part = (offset: number, length: number): Buffer =>
    Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
  for (const operation of batch.operations) to.operations.apply(operation);
  for (let i = 0; i < shared.length; i += SHARED) {
    to.segments.hold(shared[i]!, shared[i + 1]!, part(shared[i + 2]!, shared[i + 3]!));
  }
  for (let i = 0; i < segments.length; i += SEGMENT) {
    const [session, first, span, count, total, at, form, offset, length] = segments.subarray(
      i,
      i + SEGMENT,
    ) as unknown as SegmentNumbers;
    const body = part(offset, length);
    const isDeflated = isSteady || mayDeflate(length);
    to.segments.insert(session, first, { span, count, bytes: total, at, form, body }, isDeflated);
  }
  for (let i = 0; i < deletes.length; i += RANGE) {
    to.edits.drop(deletes[i]!, deletes[i + 1]!, deletes[i + 2]!);
  }
}

/** Segments of a queue as two buffers, which are moved to the other thread, not copied. */
function load(from: Prepared, session: number, seq: number, limit: number): Loaded {
  const numbers: number[] = [];
  const found: Uint8Array[] = [];
  let bytes = 0;
  let count = 0;
  for (const segment of from.segments.from(session, seq)) {
    const { first, at, body } = segment;
    numbers.push(first, at, body.length);
    found.push(body);
    bytes += body.length;
    // A segment that begins before `seq` may have only one entry from there on.
    count += first < seq ? 1 : segment.count;
    if (count >= limit || bytes > LOAD_BYTES) break;
  }
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const body of found) {
    joined.set(body, offset);
    offset += body.length;
  }
  return { kind: 'loaded', segments: Float64Array.from(numbers), bytes: joined };
}

type Loaded = Extract<Reply, { kind: 'loaded' }>;

/** A load ends after so many bytes even below its limit, because large messages must not make one answer large. */
const LOAD_BYTES = 1024 * 1024;

function buffersOf(reply: Reply): ArrayBuffer[] {
  if (reply.kind === 'failed' && reply.batch) return transferable(reply.batch);
  if (reply.kind === 'written') return reply.bytes.map(({ buffer }) => buffer);
  return reply.kind === 'loaded' ? [reply.segments.buffer, reply.bytes.buffer] : [];
}

let prepared: Prepared | undefined;
/** Whether the last commit failed but may be in the file: perhaps only its fsync failed. */
let outcomeUnknown = false;

/** Parts of the next commit, until it has succeeded. */
let parts: Batch[] = [];
const freeSpace = new FreeSpace();

/**
 * Whether a commit is on disk already, when it is tried again; one without segments may be written twice. Throws while
 * that can't be known.
 */
function isWritten(to: Prepared, commit: readonly Batch[]): boolean {
  const segments = commit.find((part) => part.segments.length > 0)?.segments;
  // The kernel marks pages as written although their fsync failed; a checkpoint writes their content again.
  const isEmptied = emptyLog(to.db);
  const isThere = segments !== undefined && to.segments.has(segments[0]!, segments[1]!);
  if (isThere && !isEmptied) throw new LogInUseError('another connection reads from the log');
  return isThere;
}

/** After a failure: keeps the connection only if it still works, so that the next request opens another. */
function recoverConnection(code: string): void {
  try {
    // The connection is intact, and it can still read.
    if (isFull(code) || isNameLost(code)) {
      if (prepared?.db.inTransaction) prepared.rollback.run();
      prepared?.deadLetters.undone();
      prepared?.recent.undone();
      return;
    }
    prepared?.db.close();
  } catch {
    // The connection is not used any more in any case.
  }
  prepared = undefined;
}

/** The database as it may be written to. Throws while it has lost its name. */
function writable(): Prepared {
  prepared ??= open();
  if (prepared.name.check(false) === 'fine') return prepared;
  prepared.db.close();
  prepared = undefined;
  prepared = open();
  return prepared;
}

/** Closes the database; before, what has lost its name is saved. */
async function close(): Promise<Reply> {
  const kept = await prepared?.name.finish();
  prepared?.db.close();
  prepared = undefined;
  return { kind: 'closed', kept };
}

function handle(request: Exclude<Request, { kind: 'close' | 'prepare' | 'forget' }>): Reply {
  if (request.kind === 'count') return { kind: 'counted', bytes: bytesWrittenByThread() };
  switch (request.kind) {
    case 'write': {
      const began = performance.now();
      const { batch, alone } = request;
      const commit = alone ? [batch] : [...parts, batch];
      const to = writable();
      if (!outcomeUnknown || !isWritten(to, commit)) {
        to.begin.run();
        write(to, commit);
        to.commit.run();
      }
      outcomeUnknown = false;
      if (!alone) parts = [];
      return {
        kind: 'written',
        ms: performance.now() - began,
        bytes: commit.map(({ bytes }) => bytes),
      };
    }
    case 'checkpoint':
      emptyLog(writable().db);
      return { kind: 'checkpointed' };
    case 'giveBack':
      return { kind: 'givenBack', bytes: freeSpace.giveBack(writable().db) };
    case 'load':
      prepared ??= open();
      return load(prepared, request.session, request.seq, request.limit);
  }
}

port.on('message', async (request: Request) => {
  if (request.kind === 'prepare') {
    parts.push(request.batch);
    return;
  }
  if (request.kind === 'forget') {
    parts = [];
    return;
  }
  let reply: Reply;
  try {
    reply = request.kind === 'close' ? await close() : handle(request);
  } catch (error) {
    const { message } = error as Error;
    const code = errorCode(error) || 'ERROR';
    const isUnwritten = isFull(code) || isNameLost(code) || isFaultOfChange(code);
    if (request.kind === 'write' && !isUnwritten) outcomeUnknown = true;
    recoverConnection(code);
    reply =
      request.kind === 'write'
        ? { kind: 'failed', code, message, batch: request.batch }
        : { kind: 'failed', code, message };
  }
  port.postMessage(reply, buffersOf(reply));
});
