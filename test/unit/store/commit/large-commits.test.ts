import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PendingAck } from '../../../../src/queue/pending-ack.ts';
import { Journal } from '../../../../src/store/commit/journal.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { FakeWriter } from '../../../support/fake-writer.ts';
import { createFaults } from '../../../support/faults.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Lets turns of the event loop pass: large commits take as many as the machine needs. */
async function passUntil(isDone: () => boolean): Promise<void> {
  for (let turns = 0; !isDone(); turns++) {
    if (turns === 1000) throw new Error('it does not end');
    await pass(1);
  }
}

function setUp(payload = Buffer.from('x')) {
  const writer = new FakeWriter();
  const journal = new Journal({
    faults: createFaults(),
    writer,
    deferredMs: 1000,
    nextMessageId: 1,
    retainedValue: () => ({
      ...{ qos: 0, payload, publisher: '' },
      ...{ properties: new Uint8Array(0), expires: 0 },
    }),
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
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
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
    [1000, 0],
  ]);
  for (let i = 0; i < 5; i++) await land();
  expect(isDone).toBe(false);
  expect(writer.tried.at(-1)!.operations).toContainEqual(['deleteWill', 'c']);
  expect(writer.tried.at(-1)!.rows.map(({ body }) => body)).toEqual(['\0\x01tstays']);
  expect(writer.tried).toHaveLength(6);
  await land();
  await passUntil(() => owner.landed.length > 0);
  expect(isDone).toBe(true);
  expect(owner.landed).toEqual([1]);
});

test('what comes while the parts are written is in the commit after them', async () => {
  const { writer, journal, land } = setUp();
  const first = new PendingAck(() => undefined);
  for (let i = 0; i < 2500; i++) journal.retain(`t/${i}`, first);
  await pass(1);
  let isDone = false;
  const later = new PendingAck(() => {
    isDone = true;
  });
  journal.add(['sessionSeen', 1, 2], later);
  later.done();
  for (let i = 0; i < 2; i++) await land();
  expect(writer.tried.at(-1)!.operations).not.toContainEqual(['sessionSeen', 1, 2]);
  await land();
  expect(isDone).toBe(false);
  await land();
  expect([isDone, writer.tried.length]).toEqual([true, 4]);
});

test('retained values of many bytes are few in one batch', async () => {
  const { writer, journal } = setUp(Buffer.alloc(100_000));
  writer.fast = true;
  for (let i = 0; i < 100; i++) journal.retain(`t/${i}`, undefined);
  await pass(1100);
  const sizes = writer.tried.map(({ operations }) => operations.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(11);
});

test('thousands of changes are one commit in parts, in their order, and confirmed together', async () => {
  const { writer, journal } = setUp();
  const owner = new FakeOwner(7);
  let isDone = false;
  const ack = new PendingAck(() => {
    isDone = true;
  });
  for (let i = 0; i < 2500; i++) journal.add(['subscribe', 7, `f/${i}`, 1, 0, 0]);
  for (let i = 0; i < 2500; i++) journal.enqueue(owner.entry(message(`m${i}`)), false);
  journal.notifyAfterCommit(ack);
  ack.done();
  await passUntil(() => writer.busy);
  expect(writer.tried).toHaveLength(1);
  expect(writer.parts).toEqual([1000, 1000, 500 + 1000, 1000, 500]);
  const [{ operations, rows }] = writer.tried as [(typeof writer.tried)[0]];
  expect(operations.map(([, , filter]) => filter)).toEqual(
    Array.from({ length: 2500 }, (_, i) => `f/${i}`),
  );
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
  expect([isDone, owner.landed.length]).toEqual([false, 0]);
  writer.land();
  await passUntil(() => owner.landed.length === 2500);
  expect([isDone, owner.landed.length]).toEqual([true, 2500]);
});

test('a commit in parts that fails is tried again as a whole, and a delete that makes room is not a part of it', async () => {
  const { writer, journal, land } = setUp();
  const owner = new FakeOwner(7);
  const old = owner.entry(message('old'));
  journal.enqueue(old, false);
  await pass(1);
  await land();
  for (let i = 0; i < 2500; i++) journal.enqueue(owner.entry(message(`m${i}`)), false);
  await passUntil(() => writer.busy);
  journal.discard(old);
  writer.fail();
  await pass(150);
  expect(writer.tried.at(-1)).toMatchObject({ rows: [], deletes: ['7: 1-1'] });
  await land();
  await pass(10);
  expect(writer.tried.at(-1)!.rows).toHaveLength(2500);
  writer.land();
  await passUntil(() => owner.landed.length === 2501);
});
