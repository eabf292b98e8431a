import { expect, test } from 'vitest';
import { Message } from '../../../../src/queue/message.ts';
import { QueueEntry, type QueueOwner } from '../../../../src/queue/queue-entry.ts';
import type { Batch } from '../../../../src/store/commit/batch.ts';
import { Journal } from '../../../../src/store/commit/journal.ts';
import type { Writer } from '../../../../src/store/commit/writer.ts';
import { decodeBatch } from '../../../support/fake-writer.ts';
import { createFaults } from '../../../support/faults.ts';

/** A writer that takes every batch and keeps the sequence numbers of its rows. */
function recording(): { writer: Writer; rows: number[][] } {
  const rows: number[][] = [];
  const take = async (batch: Batch): Promise<number> => {
    rows.push(decodeBatch(batch).rows.map(({ seq }) => seq));
    return 0;
  };
  const writer: Writer = {
    prepare: (part) => void take(part),
    forget: () => undefined,
    write: take,
    writeAlone: take,
    load: async () => [],
    bytesWritten: async () => 0,
    checkpoint: async () => undefined,
    giveBack: async () => 0,
    close: async () => undefined,
  };
  return { writer, rows };
}

function createJournal(writer: Writer): Journal {
  return new Journal({
    faults: createFaults(),
    writer,
    deferredMs: 1000,
    nextMessageId: 1,
    retainedValue: () => undefined,
    onTrouble: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
}

test('what waited for a subscriber that is gone is never written after what came later', async () => {
  const { writer, rows } = recording();
  const journal = createJournal(writer);
  const owner: { online: boolean } & QueueOwner = {
    key: 1,
    ended: false,
    online: true,
    sent: 0,
    sentOnDisk: 0,
    deletes: { first: 0, last: 0 },
    committed: () => undefined,
  };
  const entry = (seq: number): QueueEntry =>
    new QueueEntry(owner, new Message(Buffer.from([0, 1, 0x61]), 3, 3, null), seq, 1, false, 0);

  journal.enqueue(entry(1), true);
  owner.online = false;
  journal.flushSoon(owner);
  journal.enqueue(entry(2), true);
  await journal.flush();
  expect(rows.flat()).toEqual([1, 2]);
  expect(rows[0]?.[0]).toBe(1);
  await journal.stop(0);
});
