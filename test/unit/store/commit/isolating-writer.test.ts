import { expect, onTestFinished, test } from 'vitest';
import { NEVER } from '../../../../src/mqtt/properties.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { PendingAck } from '../../../../src/queue/pending-ack.ts';
import { QueueEntry, type QueueOwner } from '../../../../src/queue/queue-entry.ts';
import { exportQueue } from '../../../../src/store/admin/queue-admin.ts';
import type { Operation } from '../../../../src/store/commit/batch.ts';
import { IsolatingWriter } from '../../../../src/store/commit/isolating-writer.ts';
import { WriteError } from '../../../../src/store/commit/writer.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openReadOnly } from '../../../../src/store/database/sqlite.ts';
import type { Store } from '../../../../src/store/store.ts';
import { createFaults } from '../../../support/faults.ts';
import { startStore } from '../../../support/store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** A running store with a session, which has a queue on disk. */
async function setUp() {
  const folder = tempFolder();
  const faults = createFaults();
  const { store, fatal } = await startStore(folder, { faults });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= store.stop();
    return stopped;
  };
  onTestFinished(stop);
  const { journal } = store;
  journal.add(['openSession', 1, 'c', 0, NEVER]);
  const owner: QueueOwner = {
    ...{ key: 1, ended: false, online: false, sent: 0, sentOnDisk: 0 },
    deletes: { first: 0, last: 0 },
    committed: () => undefined,
  };
  const rows = (sql: string): unknown[] => {
    const db = openReadOnly(databaseFile(folder));
    try {
      return db.prepare(sql).pluck().all();
    } finally {
      db.close();
    }
  };
  return { folder, faults, store, fatal, stop, owner, rows };
}

/** Adds entries of these topics in one turn; resolves when all are acknowledged. */
async function enqueue(
  { journal }: Store,
  owner: QueueOwner,
  topics: readonly string[],
  prepare: (entry: QueueEntry) => void = () => undefined,
): Promise<void> {
  await Promise.all(
    topics.map(
      (topic, i) =>
        new Promise<void>((resolve) => {
          const message = createMessage(topic, Buffer.from('x'));
          message.pendingAck = new PendingAck(resolve);
          const entry = new QueueEntry(owner, message, i + 1, 1, false, 1000);
          prepare(entry);
          journal.enqueue(entry, false);
          message.pendingAck.done();
        }),
    ),
  );
}

test('a message that can not be packed is set aside; those that came with it are on disk', async () => {
  const { folder, faults, store, fatal, stop, owner } = await setUp();
  const topics = Array.from({ length: 50 }, (_, i) => `t/${i}`);
  await enqueue(store, owner, topics, (entry) => {
    if (entry.seq !== 33) return;
    // It is read only when the entry is packed.
    Object.defineProperty(entry, 'released', {
      get() {
        throw new Error('made to throw');
      },
    });
  });
  expect(fatal).toEqual([]);
  expect(faults.counts.commit).toBeGreaterThan(0);
  await stop();
  const stored = [...exportQueue(folder, 'c')].map(({ topic }) => topic);
  expect(stored).toEqual(topics.filter((topic) => topic !== 't/32'));
  const aside = [...exportQueue(folder, 'refused/cellgate.broker')];
  expect(aside).toMatchObject([{ topic: 't/32', payload: 'x' }]);
});

test.each<[string, Operation, number]>([
  ['that SQLite can not bind', ['setState', 'a', 'b', {} as string], 0],
  ['that breaks a rule of its table', ['subscribe', 1, null as unknown as string, 1, 0, 0], 0],
  ['that can not be moved to the other thread', ['setState', 'a', 'b', (() => 1) as never], 0],
  [
    'that is a retained message',
    ['retain', 't/r', {} as number, Buffer.from('kept'), '', Buffer.alloc(0), 0],
    1,
  ],
])('a change %s is left out; all others are on disk', async (_what, operation, refused) => {
  const { folder, faults, store, fatal, stop, owner, rows } = await setUp();
  const { journal } = store;
  for (let i = 0; i < 20; i++) {
    journal.add(['subscribe', 1, `f/${i}`, 1, 0, 0]);
    if (i === 10) journal.add(operation);
  }
  await enqueue(store, owner, ['t']);
  expect(fatal).toEqual([]);
  expect(faults.counts.commit).toBe(1);
  // The writer's thread still answers, and in order.
  await journal.flush();
  expect((await store.status()).bytesWritten).toBeGreaterThan(0);
  await stop();
  expect(rows('SELECT filter FROM subscription')).toHaveLength(20);
  expect([...exportQueue(folder, 'c')]).toHaveLength(1);
  const aside = [...exportQueue(folder, 'refused/cellgate.broker')];
  expect(aside.map(({ topic, payload }) => [topic, payload])).toEqual(
    Array(refused).fill(['t/r', 'kept']),
  );
});

test('messages that are deleted beside a change that fails are deleted, and no others', async () => {
  const { folder, faults, store, fatal, stop, owner } = await setUp();
  const { journal } = store;
  const entries: QueueEntry[] = [];
  await enqueue(store, owner, ['a', 'b', 'c', 'd', 'e'], (entry) => entries.push(entry));
  for (const n of [1, 3]) journal.discard(entries[n]!);
  journal.add(['setState', 'a', 'b', {} as string]);
  await journal.flush();
  expect([fatal, faults.counts.commit]).toEqual([[], 1]);
  await stop();
  expect([...exportQueue(folder, 'c')].map(({ topic }) => topic)).toEqual(['a', 'c', 'e']);
});

test('a writer that takes no change at all is fatal, and nothing is set aside', async () => {
  const faults = createFaults();
  const failing = new WriteError('ERROR', 'the connection is not open', undefined);
  const writer = new IsolatingWriter({
    faults,
    nextMessageId: () => 1,
    writer: { write: () => Promise.reject(failing), forget: () => undefined },
    steps: { write: () => Promise.reject(failing) },
  });
  const operations: Operation[] = [
    ['deleteWill', 'a'],
    ['deleteWill', 'b'],
  ];
  const written = writer.write({ operations, entries: [], deletes: [] });
  await expect(written).rejects.toBe(failing);
  expect(faults.counts.commit).toBe(0);
});
