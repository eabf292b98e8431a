import { type Batch, RANGE, ROW, SHARED } from '../../src/store/batch.ts';
import { type StoredEntry, WriteError, type Writer } from '../../src/store/writer.ts';

/** A batch in words. */
export interface Written {
  readonly operations: readonly (readonly unknown[])[];
  readonly rows: readonly { session: number; seq: number; flags: number; body: string }[];
  /** Ids of shared bodies with the number of rows that this batch adds to them. */
  readonly shared: readonly { id: number; holders: number; body: string }[];
  readonly deletes: readonly string[];
}

interface Commit {
  readonly batch: Batch;
  resolve(ms: number): void;
  reject(error: Error): void;
}

/** A disk that takes a batch when the test says so. */
export class FakeWriter implements Writer {
  /** The batches that reached it, failed tries too. */
  readonly tried: Written[] = [];
  readonly #waiting: Commit[] = [];
  /** Takes every batch at once. */
  fast = false;

  write(batch: Batch): Promise<number> {
    this.tried.push(decodeBatch(batch));
    if (this.fast) return Promise.resolve(1);
    return new Promise((resolve, reject) => this.#waiting.push({ batch, resolve, reject }));
  }

  /** Whether a batch is on its way. */
  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** The batch is on disk. */
  land(): void {
    this.#waiting.shift()!.resolve(1);
  }

  /** The disk does not take it. */
  fail(code = 'SQLITE_FULL'): void {
    const { batch, reject } = this.#waiting.shift()!;
    reject(new WriteError(code, 'it did not work', batch));
  }

  /** The thread is gone. */
  break(): void {
    this.#waiting.shift()!.reject(new Error('the writer thread has ended'));
  }

  load(): Promise<StoredEntry[]> {
    return Promise.resolve([]);
  }
  bytesWritten(): Promise<number> {
    return Promise.resolve(0);
  }
  checkpoint(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Reads a batch's packed numbers back. */
export function decodeBatch({ operations, bodies, rows, shared, deletes }: Batch): Written {
  const body = (offset: number, length: number): string =>
    Buffer.from(bodies.buffer, offset, length).toString('latin1');
  const result = {
    operations: operations.map((operation) => [...operation]),
    rows: [] as Written['rows'][number][],
    shared: [] as Written['shared'][number][],
    deletes: [] as string[],
  };
  for (let i = 0; i < shared.length; i += SHARED) {
    const [id, holders, offset, length] = shared.subarray(i, i + SHARED) as unknown as number[];
    result.shared.push({ id: id!, holders: holders!, body: body(offset!, length!) });
  }
  for (let i = 0; i < rows.length; i += ROW) {
    const [session, seq, flags, , message, offset, length] = [...rows.subarray(i, i + ROW)];
    const inline = message === 0 ? body(offset!, length!) : `#${message}`;
    result.rows.push({ session: session!, seq: seq!, flags: flags!, body: inline });
  }
  for (let i = 0; i < deletes.length; i += RANGE) {
    result.deletes.push(`${deletes[i]}: ${deletes[i + 1]}-${deletes[i + 2]}`);
  }
  return result;
}
