import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PendingAck } from '../../../../src/queue/pending-ack.ts';
import { Journal } from '../../../../src/store/commit/journal.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { FakeWriter } from '../../../support/fake-writer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function setUp() {
  const writer = new FakeWriter();
  const journal = new Journal({
    writer,
    deferredMs: 1000,
    nextMessageId: 1,
    retainedValue: () => ({ qos: 0, payload: Buffer.from('x') }),
    onTrouble: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  const land = async (): Promise<void> => {
    writer.land();
    await pass(1);
  };
  return { writer, journal, land };
}

test('100,000 retained values that are due together are many batches of bounded size', async () => {
  const { writer, journal } = setUp();
  writer.fast = true;
  for (let i = 0; i < 100_000; i++) journal.retain(`t/${i}`, undefined);
  await pass(1100);
  const sizes = writer.tried.map(({ operations }) => operations.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2000);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100_000);
});

test('what is handed in with retained values is committed and acknowledged with the last of them', async () => {
  const { writer, journal, land } = setUp();
  const owner = new FakeOwner(7);
  let isDone = false;
  const ack = new PendingAck(() => {
    isDone = true;
  });
  for (let i = 0; i < 5000; i++) journal.retain(`t/${i}`, ack);
  journal.add(['deleteWill', 'c'], ack);
  journal.enqueue(owner.entry(message('stays')), false);
  const gone = owner.entry(message('acknowledged meanwhile'));
  journal.enqueue(gone, false);
  ack.done();
  await pass(1);
  journal.discard(gone);
  expect(writer.tried.map(({ operations, rows }) => [operations.length, rows.length])).toEqual([
    [2000, 0],
  ]);
  await land();
  await land();
  expect(isDone).toBe(false);
  expect(writer.tried.at(-1)!.operations).toContainEqual(['deleteWill', 'c']);
  expect(writer.tried.at(-1)!.rows.map(({ body }) => body)).toEqual(['\0\x01tstays']);
  expect(writer.tried).toHaveLength(3);
  await land();
  expect(isDone).toBe(true);
  expect(owner.landed).toEqual([1]);
});

test('what comes while the parts are written is in the commit after them', async () => {
  const { writer, journal, land } = setUp();
  const first = new PendingAck(() => undefined);
  for (let i = 0; i < 3000; i++) journal.retain(`t/${i}`, first);
  await pass(1);
  let isDone = false;
  const later = new PendingAck(() => {
    isDone = true;
  });
  journal.add(['sessionSeen', 1, 2], later);
  later.done();
  await land();
  expect(writer.tried.at(-1)!.operations).not.toContainEqual(['sessionSeen', 1, 2]);
  await land();
  expect(isDone).toBe(false);
  await land();
  expect([isDone, writer.tried.length]).toEqual([true, 3]);
});
