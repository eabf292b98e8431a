import { startRequestThread } from '../../base/request-thread.ts';
import { threadScript } from '../../base/thread-script.ts';
import type { StoredEntry } from '../../queue/queue-entry.ts';
import { SegmentReader } from '../database/segment.ts';
import { isTransient } from '../database/sqlite-errors.ts';
import type { Batch } from './batch.ts';

export type Request =
  | { kind: 'prepare'; batch: Batch }
  | { kind: 'forget' }
  // `alone`: without the parts that were prepared, which wait for another write.
  | { kind: 'write'; batch: Batch; alone: boolean }
  | { kind: 'load'; session: number; seq: number; limit: number }
  | { kind: 'count' }
  | { kind: 'checkpoint' }
  | { kind: 'giveBack' }
  | { kind: 'close' };

export type Reply =
  // The bytes are sent back to the main thread, where garbage is collected often; in the writer's thread it is rarely.
  | { kind: 'written'; ms: number; bytes: readonly Uint8Array<ArrayBuffer>[] }
  | { kind: 'loaded'; segments: Float64Array<ArrayBuffer>; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'counted'; bytes: number }
  | { kind: 'checkpointed' }
  | { kind: 'givenBack'; bytes: number }
  | { kind: 'closed'; kept: string | undefined }
  | { kind: 'failed'; code: string; message: string; batch?: Batch };

/** SQLite's code (for example `SQLITE_FULL`), its message, and the batch that was not written. */
export class WriteError extends Error {
  readonly code: string;
  readonly batch: Batch | undefined;

  constructor(code: string, message: string, batch: Batch | undefined) {
    super(message);
    this.code = code;
    this.batch = batch;
  }

  /** Whether the batch may be written later; if not, the database is damaged or this program has a fault. */
  get isTransient(): boolean {
    return isTransient(this.code);
  }
}

/** The parts of a batch that are moved between threads, not copied. */
export function transferable(batch: Batch): ArrayBuffer[] {
  return [batch.bytes.buffer, batch.segments.buffer, batch.shared.buffer, batch.deletes.buffer];
}

/** The thread that owns the database while the gateway runs; it answers in the order of the requests. */
export interface Writer {
  /** Takes a part of the commit that the next `write` completes; it is kept until a `write` succeeds. */
  prepare(part: Batch): void;
  /** Takes back the prepared parts. */
  forget(): void;
  /**
   * Resolves with the commit's milliseconds when the batch and the prepared parts are on disk, in one transaction; rejects
   * with a WriteError when they are not.
   */
  write(batch: Batch): Promise<number>;
  /** The same for the batch alone: the prepared parts wait on. */
  writeAlone(batch: Batch): Promise<number>;
  /** Entries of a session's queue from `seq` on, in order: about `limit`, fewer if they are large or the queue ends. */
  load(session: number, seq: number, limit: number): Promise<StoredEntry[]>;
  /** Bytes that the thread has written to files since it started. */
  bytesWritten(): Promise<number>;
  /** Resolves when all commits are in the database file and its write-ahead log is empty. */
  checkpoint(): Promise<void>;
  /** Gives free space of the file back to the file system; resolves with how many bytes, 0 where that is not worth it. */
  giveBack(): Promise<number>;
  /** Closes the database within `ms`; resolves with the file of its content where another file has taken its name. */
  close(ms?: number): Promise<string | undefined>;
}

/** The longest time in which the worker may close the database. */
const CLOSE_MS = 5000;

/** Numbers per loaded segment: first number, time, length of its blob. */
export const LOADED = 3;

function unpack(
  segments: Float64Array,
  bytes: Uint8Array<ArrayBuffer>,
  from: number,
): StoredEntry[] {
  const entries: StoredEntry[] = [];
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = 0;
  for (let i = 0; i < segments.length; i += LOADED) {
    const end = offset + segments[i + 2]!;
    const reader = new SegmentReader(source, offset, end, segments[i]!, segments[i + 1]!);
    while (reader.next()) {
      const { seq, flags, at, start, length, extrasStart, extrasLength } = reader;
      if (seq < from || reader.shared > 0) continue;
      const extras =
        extrasLength > 0 ? source.subarray(extrasStart, extrasStart + extrasLength) : undefined;
      entries.push({ seq, flags, at, extras, body: source.subarray(start, start + length) });
    }
    offset = end;
  }
  return entries;
}

/** Bytes are not in the heap of the thread: in a larger one, garbage would only wait for longer. */
const HEAP = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 256 };

export function startWriter(file: string): Writer {
  const thread = startRequestThread<Request, Reply>({
    script: threadScript('writer-thread'),
    options: { workerData: { file }, resourceLimits: HEAP },
    keepsProcess: true,
    ended: 'the writer thread has ended',
  });
  const ask = async (request: Request): Promise<Reply> => {
    const reply = await thread.ask(
      request,
      'batch' in request ? transferable(request.batch) : undefined,
    );
    if (reply.kind === 'failed') throw new WriteError(reply.code, reply.message, reply.batch);
    return reply;
  };
  const write = async (batch: Batch, alone: boolean): Promise<number> => {
    const reply = await ask({ kind: 'write', batch, alone });
    return reply.kind === 'written' ? reply.ms : 0;
  };

  return {
    prepare: (batch) => thread.send({ kind: 'prepare', batch }, transferable(batch)),
    forget: () => thread.send({ kind: 'forget' }),
    write: (batch) => write(batch, false),
    writeAlone: (batch) => write(batch, true),
    async load(session, seq, limit) {
      const reply = await ask({ kind: 'load', session, seq, limit });
      return reply.kind === 'loaded' ? unpack(reply.segments, reply.bytes, seq) : [];
    },
    async bytesWritten() {
      const reply = await ask({ kind: 'count' });
      return reply.kind === 'counted' ? reply.bytes : 0;
    },
    async checkpoint() {
      await ask({ kind: 'checkpoint' });
    },
    async giveBack() {
      const reply = await ask({ kind: 'giveBack' });
      return reply.kind === 'givenBack' ? reply.bytes : 0;
    },
    async close(ms = CLOSE_MS) {
      // A disk that does not respond must not delay the end: unwritten changes are not acknowledged.
      const late = new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
      const reply = await Promise.race([ask({ kind: 'close' }), late]);
      await Promise.race([thread.end(ms), late]);
      return reply?.kind === 'closed' ? reply.kept : undefined;
    },
  };
}
