import type { StoredEntry } from '../../src/queue/queue-entry.ts';
import { type Batch, RANGE, SEGMENT, SHARED } from '../../src/store/commit/batch.ts';
import { WriteError, type Writer } from '../../src/store/commit/writer.ts';
import { decodeSegment, SHARED_BODY } from '../../src/store/database/segment.ts';

/** A batch in readable form. */
export interface Written {
  readonly operations: readonly (readonly unknown[])[];
  readonly rows: readonly { session: number; seq: number; flags: number; body: string }[];
  /** Ids of shared bodies with the number of rows that this batch adds to them. */
  readonly shared: readonly { id: number; holders: number; body: string }[];
  readonly deletes: readonly string[];
}

interface Commit {
  readonly batch: Batch;
  readonly alone: boolean;
  resolve(ms: number): void;
  reject(error: Error): void;
}

/** A disk that accepts a batch when the test says so. */
export class FakeWriter implements Writer {
  /** The batches that were handed to it, failed attempts too. */
  readonly tried: Written[] = [];
  readonly #waiting: Commit[] = [];
  /** Accepts every batch at once. */
  fast = false;

  /** The parts of the present commit, and how many operations and rows each part of all commits had. */
  #prepared: Written[] = [];
  readonly parts: number[] = [];

  prepare(part: Batch): void {
    this.#prepared.push(decodeBatch(part));
  }

  forget(): void {
    this.#prepared = [];
  }

  writeAlone(batch: Batch): Promise<number> {
    return this.#write(batch, true);
  }

  write(batch: Batch): Promise<number> {
    return this.#write(batch, false);
  }

  #write(batch: Batch, alone: boolean): Promise<number> {
    const parts = [...(alone ? [] : this.#prepared), decodeBatch(batch)];
    for (const { operations, rows, deletes } of parts) {
      this.parts.push(operations.length + rows.length + deletes.length);
    }
    this.tried.push({
      operations: parts.flatMap(({ operations }) => operations),
      rows: parts.flatMap(({ rows }) => rows),
      shared: parts.flatMap(({ shared }) => shared),
      deletes: parts.flatMap(({ deletes }) => deletes),
    });
    if (this.fast && !alone) this.#prepared = [];
    if (this.fast) return Promise.resolve(1);
    return new Promise((resolve, reject) => this.#waiting.push({ batch, alone, resolve, reject }));
  }

  /** Whether a batch is in flight. */
  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** The batch is on disk. */
  land(): void {
    const { alone, resolve } = this.#waiting.shift()!;
    if (!alone) this.#prepared = [];
    resolve(1);
  }

  /** The disk does not accept it. */
  fail(code = 'SQLITE_FULL'): void {
    const { batch, reject } = this.#waiting.shift()!;
    reject(new WriteError(code, 'it did not work', batch));
  }

  /** The thread has ended. */
  break(): void {
    this.#waiting.shift()!.reject(new Error('the writer thread has ended'));
  }

  load(): Promise<StoredEntry[]> {
    return Promise.resolve([]);
  }
  bytesWritten(): Promise<number> {
    return Promise.resolve(0);
  }
  giveBack(): Promise<number> {
    return Promise.resolve(0);
  }

  checkpoint(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** Reads a batch's packed numbers back. */
export function decodeBatch({ operations, bytes, segments, shared, deletes }: Batch): Written {
  const part = (offset: number, length: number): Buffer =>
    Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
  const result = {
    operations: operations.map((operation) => [...operation]),
    rows: [] as Written['rows'][number][],
    shared: [] as Written['shared'][number][],
    deletes: [] as string[],
  };
  for (let i = 0; i < shared.length; i += SHARED) {
    const [id, holders, offset, length] = shared.subarray(i, i + SHARED) as unknown as number[];
    result.shared.push({
      id: id!,
      holders: holders!,
      body: part(offset!, length!).toString('latin1'),
    });
  }
  for (let i = 0; i < segments.length; i += SEGMENT) {
    const [session, first, , , , at, form, offset, length] = [...segments.subarray(i, i + SEGMENT)];
    const blob = { at: at!, form: form!, body: part(offset!, length!) };
    for (const entry of decodeSegment(blob, first!).entries) {
      const inline = entry.shared === 0 ? latin1(entry.body) : `#${entry.shared}`;
      const flags = entry.flags & ~SHARED_BODY;
      result.rows.push({ session: session!, seq: entry.seq, flags, body: inline });
    }
  }
  for (let i = 0; i < deletes.length; i += RANGE) {
    result.deletes.push(`${deletes[i]}: ${deletes[i + 1]}-${deletes[i + 2]}`);
  }
  return result;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
