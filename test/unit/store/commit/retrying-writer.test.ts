import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AcknowledgedRuns } from '../../../../src/store/commit/acknowledged-runs.ts';
import { type Batch, packBatch } from '../../../../src/store/commit/batch.ts';
import { RetryingWriter } from '../../../../src/store/commit/retrying-writer.ts';
import { WriteError } from '../../../../src/store/commit/writer.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { FakeWriter } from '../../../support/fake-writer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function setUp() {
  const writer = new FakeWriter();
  const runs = new AcknowledgedRuns();
  const troubles: (string | undefined)[] = [];
  const onTrouble = (error: WriteError | undefined) => void troubles.push(error?.code);
  const retrying = new RetryingWriter({ writer, runs, now: Date.now, onTrouble });
  return { writer, runs, troubles, retrying };
}

const batchOf = (...entries: Parameters<typeof packBatch>[1]): Batch =>
  packBatch([['setMeta', 'x', 1]], entries, [], () => 1);

test('a batch that is written is counted with its time', async () => {
  const { writer, retrying, troubles } = setUp();
  const written = retrying.write(batchOf());
  writer.land();
  await written;
  expect(retrying.counts).toEqual({ commits: 1, entries: 0, lastMs: 1 });
  expect(retrying.commitTimes.quantile(0.5)).not.toBeNull();
  expect(troubles).toEqual([]);
});

test('a failed batch is tried again after pauses from 100 ms to 2 s, and counted once', async () => {
  const { writer, retrying } = setUp();
  const written = retrying.write(batchOf());
  for (const pause of [100, 200, 400, 800, 1600, 2000, 2000]) {
    const tried = writer.tried.length;
    writer.fail('SQLITE_IOERR_WRITE');
    await pass(pause - 1);
    expect(writer.tried).toHaveLength(tried);
    await pass(1);
    expect(writer.tried).toHaveLength(tried + 1);
  }
  writer.land();
  await written;
  expect(retrying.counts.commits).toBe(1);
});

test('trouble is reported once per code, its end once, and again after that', async () => {
  const { writer, retrying, troubles } = setUp();
  for (let batch = 0; batch < 2; batch++) {
    const written = retrying.write(batchOf());
    for (const code of ['SQLITE_BUSY', 'SQLITE_BUSY', 'SQLITE_IOERR_WRITE']) {
      writer.fail(code);
      await pass(2000);
    }
    writer.land();
    await written;
  }
  const once = ['SQLITE_BUSY', 'SQLITE_IOERR_WRITE', undefined];
  expect(troubles).toEqual([...once, ...once]);
});

test('the unanswered time is that of the attempt in flight', async () => {
  const { writer, retrying } = setUp();
  expect(retrying.unansweredMs).toBe(0);
  const written = retrying.write(batchOf());
  await pass(70);
  expect(retrying.unansweredMs).toBe(70);
  writer.fail('SQLITE_BUSY');
  await pass(50);
  expect(retrying.unansweredMs).toBe(0);
  await pass(60);
  expect(retrying.unansweredMs).toBe(10);
  writer.land();
  await written;
  expect(retrying.unansweredMs).toBe(0);
});

test.each([
  ['damage', (writer: FakeWriter) => writer.fail('SQLITE_CORRUPT')],
  ['the end of the writer', (writer: FakeWriter) => writer.break()],
])('%s is not tried again', async (_name, hit) => {
  const { writer, retrying, troubles } = setUp();
  const written = retrying.write(batchOf());
  hit(writer);
  await expect(written).rejects.toThrow();
  await pass(5000);
  expect(writer.tried).toHaveLength(1);
  expect(troubles).toEqual([]);
});

test('after stop a failed batch is not tried again', async () => {
  const { writer, retrying } = setUp();
  const written = expect(retrying.write(batchOf())).rejects.toThrow(WriteError);
  writer.fail();
  retrying.stop();
  await pass(5000);
  await written;
  expect(writer.tried).toHaveLength(1);
});

describe('on a full disk', () => {
  /** A batch with entry 3 of session 1, whose entries 1 to 3 are acknowledged, as is entry 1 of session 2. */
  function fill() {
    const all = setUp();
    const [one, two] = [new FakeOwner(1), new FakeOwner(2)];
    const third = [one.entry(message('a')), one.entry(message('b')), one.entry(message('c'))][2]!;
    for (const seq of [1, 2, 3]) all.runs.add(one, seq);
    all.runs.add(two, 1);
    return { ...all, written: all.retrying.write(batchOf(third)) };
  }

  test('acknowledged entries are deleted first, but none of the batch itself', async () => {
    const { writer, runs, retrying, written } = fill();
    writer.fail('SQLITE_FULL');
    await pass(100);
    expect(writer.tried[1]).toEqual({
      operations: [],
      rows: [],
      shared: [],
      deletes: ['1: 1-2', '2: 1-1'],
    });
    writer.land();
    await pass(0);
    expect(writer.tried[2]).toEqual(writer.tried[0]);
    writer.land();
    await written;
    expect(retrying.counts.commits).toBe(1);
    expect(runs.take([])).toEqual([1, 3, 3]);
  });

  test('what could not be deleted is deleted later', async () => {
    const { writer, runs, written } = fill();
    writer.fail('SQLITE_FULL');
    await pass(100);
    writer.fail('SQLITE_FULL');
    await pass(0);
    writer.land();
    await written;
    expect(runs.take([]).toString()).toBe([1, 3, 3, 1, 1, 2, 2, 1, 1].toString());
  });

  test('nothing is deleted for another code', async () => {
    const { writer, written } = fill();
    writer.fail('SQLITE_IOERR_WRITE');
    await pass(100);
    expect(writer.tried[1]).toEqual(writer.tried[0]);
    writer.land();
    await written;
  });

  test('a writer that ends while it deletes is not tried again', async () => {
    const { writer, written } = fill();
    writer.fail('SQLITE_FULL');
    const ended = expect(written).rejects.toThrow('the writer thread has ended');
    await pass(100);
    writer.break();
    await ended;
  });
});
