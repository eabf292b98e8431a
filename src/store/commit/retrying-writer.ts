import { Latency } from '../../base/latency.ts';
import { isFull } from '../database/sqlite-errors.ts';
import type { AcknowledgedRuns } from './acknowledged-runs.ts';
import { type Batch, packBatch, SEGMENT } from './batch.ts';
import { WriteError, type Writer } from './writer.ts';

/** Pause before a failed commit is tried again, doubled up to the second value. */
const RETRY_MS = [100, 2000] as const;

export interface CommitCounts {
  commits: number;
  /** Queue entries that were written. */
  entries: number;
  /** Milliseconds of the latest commit. */
  lastMs: number;
}

export interface RetryingWriterParts {
  readonly writer: Writer;
  /** Returns the entries that may be deleted to make room on a full disk. */
  readonly runs: AcknowledgedRuns;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Called when a commit fails with another code than the commit before; with undefined when commits succeed again. */
  onTrouble(error: WriteError | undefined): void;
}

/** Writes one batch at a time, and repeats the write while the disk fails. */
export class RetryingWriter {
  readonly commitTimes: Latency = new Latency();
  readonly counts: CommitCounts = { commits: 0, entries: 0, lastMs: 0 };
  readonly #parts: RetryingWriterParts;
  /** The code of the latest failure; undefined while commits succeed. */
  #failing: string | undefined;
  /** When the attempt began that is not finished yet. */
  #attemptAt: number | undefined;
  #stopped = false;
  /** The first number of each session's entries in the present commit. */
  readonly #firsts = new Map<number, number>();

  constructor(parts: RetryingWriterParts) {
    this.#parts = parts;
  }

  /** Milliseconds since the unfinished attempt began; 0 if there is none. */
  get unansweredMs(): number {
    return this.#attemptAt === undefined ? 0 : this.#parts.now() - this.#attemptAt;
  }

  /** Gives the writer a part of the commit that the next `write` completes. */
  prepare(part: Batch): void {
    this.#note(part);
    this.#parts.writer.prepare(part);
  }

  #note({ segments }: Batch): void {
    for (let i = 0; i < segments.length; i += SEGMENT) {
      const [session, first] = [segments[i]!, segments[i + 1]!];
      this.#firsts.set(session, Math.min(first, this.#firsts.get(session) ?? first));
    }
  }

  /**
   * Resolves when the batch is on disk, with the parts that were prepared. Rejects when another attempt can't succeed, because the database is
   * damaged or the writer has ended, and after `stop`.
   */
  async write(first: Batch): Promise<void> {
    this.#note(first);
    let batch = first;
    let pause: number = RETRY_MS[0];
    for (;;) {
      try {
        this.#attemptAt = this.#parts.now();
        this.counts.lastMs = await this.#parts.writer.write(batch);
        this.#attemptAt = undefined;
        this.counts.commits++;
        this.commitTimes.observe(this.counts.lastMs);
        if (this.#failing !== undefined) this.#parts.onTrouble(undefined);
        this.#failing = undefined;
        this.#firsts.clear();
        return;
      } catch (error) {
        this.#attemptAt = undefined;
        const failure = retryable(error);
        batch = failure.batch;
        if (this.#failing !== failure.code) this.#parts.onTrouble(failure);
        this.#failing = failure.code;
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
        if (this.#stopped) throw error;
        pause = Math.min(pause * 2, RETRY_MS[1]);
        if (isFull(failure.code)) await this.#makeRoom();
      }
    }
  }

  /** Takes back the parts that were prepared: one of their changes can't be written. */
  forget(): void {
    this.#firsts.clear();
    this.#parts.writer.forget();
  }

  /** Ends the attempts: a failed batch is not tried again. */
  stop(): void {
    this.#stopped = true;
  }

  /** On a full disk, deletes delivered entries before the batch is tried again. */
  async #makeRoom(): Promise<void> {
    // Entries of the commit itself can't be deleted before they are on disk.
    const ranges = this.#parts.runs.takeBelow(this.#firsts);
    if (ranges.length === 0) return;
    try {
      await this.#parts.writer.writeAlone(packBatch([], [], ranges, () => 0));
    } catch (error) {
      retryable(error);
      this.#parts.runs.putBack(ranges);
    }
  }
}

/** The error with its batch if another attempt may succeed; throws any other error. */
function retryable(error: unknown): WriteError & { readonly batch: Batch } {
  if (error instanceof WriteError && error.isTransient && error.batch) {
    return error as WriteError & { readonly batch: Batch };
  }
  throw error;
}
