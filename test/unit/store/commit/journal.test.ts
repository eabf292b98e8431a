import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PendingAck } from '../../../../src/queue/pending-ack.ts';
import { Journal } from '../../../../src/store/commit/journal.ts';
import type { RetainedValue } from '../../../../src/store/commit/retained-changes.ts';
import type { WriteError } from '../../../../src/store/commit/writer.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { FakeWriter } from '../../../support/fake-writer.ts';
import { createFaults } from '../../../support/faults.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const writer = new FakeWriter();
  const retained = new Map<string, RetainedValue>();
  const troubles: (string | undefined)[] = [];
  const fatal: Error[] = [];
  const journal = new Journal({
    faults: createFaults(),
    writer,
    deferredMs: 1000,
    nextMessageId: 50,
    retainedValue: (topic) => retained.get(topic),
    onTrouble: (error: WriteError | undefined) => troubles.push(error?.code),
    onFatal: (error) => fatal.push(error),
  });
  return { writer, journal, retained, troubles, fatal };
}

/** Lets timers of up to `ms` and everything they start run. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A pending acknowledgement whose own count `release` takes away, and whether it is done. */
function pendingAck(): { pendingAck: PendingAck; isDone(): boolean; release(): void } {
  let done = false;
  const made = new PendingAck(() => {
    done = true;
  });
  return { pendingAck: made, isDone: () => done, release: () => made.done() };
}

const NO_PROPERTIES = new Uint8Array(0);

const value = (payload: string): RetainedValue => ({
  qos: 0,
  payload: Buffer.from(payload),
  publisher: '',
  properties: NO_PROPERTIES,
  expires: 0,
});

describe('a commit', () => {
  test('changes handed in during one turn are one commit, in order', async () => {
    const { writer, journal } = setUp();
    const owner = new FakeOwner(7);
    const ack = pendingAck();
    journal.add(['openSession', 7, 'c', 1, 4_294_967_295]);
    journal.add(['subscribe', 7, 'a/#', 1, 0, 0], ack.pendingAck);
    journal.enqueue(owner.entry(message('held')), false);
    ack.release();
    await pass(1);
    expect(writer.tried).toEqual([
      {
        operations: [
          ['openSession', 7, 'c', 1, 4_294_967_295],
          ['subscribe', 7, 'a/#', 1, 0, 0],
        ],
        rows: [{ session: 7, seq: 1, flags: 1, body: '\0\x01theld' }],
        shared: [],
        deletes: [],
      },
    ]);
    expect(ack.isDone()).toBe(false);
    writer.land();
    await pass(1);
    expect(ack.isDone()).toBe(true);
    expect(owner.landed).toEqual([1]);
  });

  test('a steady stream shares commits, but an entry that may not be sent before its commit does not wait', async () => {
    const { writer, journal } = setUp();
    writer.fast = true;
    for (let n = 0; n < 20; n++) {
      journal.add(['deleteWill', `${n}`]);
      await pass(1);
    }
    const commits = writer.tried.length;
    expect(commits).toBeLessThan(20);
    const entry = new FakeOwner(1).entry(message('held'));
    entry.held = true;
    journal.enqueue(entry, false);
    await pass(1);
    expect(writer.tried).toHaveLength(commits + 1);
    expect(writer.tried.at(-1)!.rows).toHaveLength(1);
  });

  test('one batch is in flight at a time; the next has all changes that came meanwhile', async () => {
    const { writer, journal } = setUp();
    const [first, second] = [pendingAck(), pendingAck()];
    journal.add(['deleteWill', 'a'], first.pendingAck);
    first.release();
    await pass(1);
    journal.add(['deleteWill', 'b'], second.pendingAck);
    journal.add(['deleteWill', 'c']);
    second.release();
    await pass(100);
    expect(writer.tried).toHaveLength(1);
    writer.land();
    await pass(1);
    expect([first.isDone(), second.isDone()]).toEqual([true, false]);
    expect(writer.tried[1]!.operations).toEqual([
      ['deleteWill', 'b'],
      ['deleteWill', 'c'],
    ]);
    writer.land();
    await pass(1);
    expect(second.isDone()).toBe(true);
  });
});

describe('a queue entry', () => {
  test('an entry acknowledged within a generation is never written, and its message is acknowledged then', async () => {
    const { writer, journal } = setUp();
    const owner = new FakeOwner(1);
    const onDone = vi.fn();
    const kept = message('m', onDone);
    const entry = owner.entry(kept);
    journal.enqueue(entry, true);
    kept.pendingAck!.done();
    await pass(2);
    expect(onDone).not.toHaveBeenCalled();
    journal.discard(entry);
    expect(onDone).toHaveBeenCalledTimes(1);
    await pass(50);
    expect(writer.tried).toEqual([]);
    expect(kept.holders).toBe(0);
  });

  test('an entry that nobody acknowledges is written after one to two generations', async () => {
    const { writer, journal } = setUp();
    const owner = new FakeOwner(1);
    journal.enqueue(owner.entry(message('m')), true);
    await pass(4);
    expect(writer.tried).toEqual([]);
    await pass(3);
    expect(writer.tried).toHaveLength(1);
  });

  test.each([
    ['its session is not connected', false, true],
    ['it may not wait', true, false],
  ])('an entry is written at once when %s', async (_name, online, mayWait) => {
    const { writer, journal } = setUp();
    const owner = new FakeOwner(1);
    owner.online = online;
    journal.enqueue(owner.entry(message('m')), mayWait);
    await pass(0);
    expect(writer.tried).toHaveLength(1);
  });

  test('a message of several sessions is acknowledged when the last of them has stored or discarded it', async () => {
    const { writer, journal } = setUp();
    const onDone = vi.fn();
    const kept = message('m', onDone);
    const [quick, slow, away] = [new FakeOwner(1), new FakeOwner(2), new FakeOwner(3)];
    away.online = false;
    const quickEntry = quick.entry(kept);
    journal.enqueue(quickEntry, true);
    journal.enqueue(slow.entry(kept), true);
    journal.enqueue(away.entry(kept), true);
    kept.pendingAck!.done();
    await pass(1);
    expect(writer.tried[0]!.rows.map(({ session }) => session)).toEqual([3]);
    expect(writer.tried[0]!.shared).toEqual([{ id: 50, holders: 1, body: '\0\x01tm' }]);
    journal.discard(quickEntry);
    writer.land();
    await pass(10);
    expect(onDone).not.toHaveBeenCalled();
    // The body that is shared already has one more holder.
    expect(writer.tried[1]!.rows).toEqual([{ session: 2, seq: 1, flags: 1, body: '#50' }]);
    expect(writer.tried[1]!.shared).toEqual([{ id: 50, holders: 1, body: '\0\x01tm' }]);
    writer.land();
    await pass(1);
    expect(onDone).toHaveBeenCalledTimes(1);
  });

  test('an entry that is discarded while it is written is acknowledged once, and deleted after that', async () => {
    const { writer, journal } = setUp();
    const onDone = vi.fn();
    const kept = message('m', onDone);
    const owner = new FakeOwner(4);
    const entry = owner.entry(kept);
    journal.enqueue(entry, false);
    kept.pendingAck!.done();
    await pass(1);
    journal.discard(entry);
    journal.discard(entry);
    expect(onDone).not.toHaveBeenCalled();
    writer.land();
    await pass(1);
    expect(onDone).toHaveBeenCalledTimes(1);
    await pass(101);
    expect(writer.tried[1]!.deletes).toEqual(['4: 1-1']);
    writer.land();
    await pass(1);
    expect(onDone).toHaveBeenCalledTimes(1);
  });
});

describe('an acknowledged entry on disk', () => {
  test('deletes wait for a commit, and are runs', async () => {
    const { writer, journal } = setUp();
    writer.fast = true;
    const [a, b] = [new FakeOwner(1), new FakeOwner(2)];
    const ofA = Array.from({ length: 6 }, () => a.entry(message('a')));
    const ofB = Array.from({ length: 2 }, () => b.entry(message('b')));
    for (const entry of [...ofA, ...ofB]) journal.enqueue(entry, false);
    await pass(1);
    for (const index of [0, 1, 2, 4, 5]) journal.discard(ofA[index]!);
    for (const entry of ofB) journal.discard(entry);
    await pass(90);
    expect(writer.tried).toHaveLength(1);
    journal.add(['deleteWill', 'x']);
    await pass(1);
    expect(writer.tried[1]!.deletes.toSorted()).toEqual(['1: 1-3', '1: 5-6', '2: 1-2']);
    await pass(500);
    expect(writer.tried).toHaveLength(2);
  });
});

describe('an ended session', () => {
  test('entries of an ended session are not written, and their messages are acknowledged', async () => {
    const { writer, journal } = setUp();
    const onDone = vi.fn();
    const kept = message('m', onDone);
    const owner = new FakeOwner(1);
    journal.enqueue(owner.entry(kept), true);
    journal.enqueue(owner.entry(kept), false);
    kept.pendingAck!.done();
    owner.ended = true;
    journal.add(['endSession', 1]);
    await pass(10);
    writer.land();
    await pass(10);
    expect(writer.tried.flatMap(({ rows }) => rows)).toEqual([]);
    expect(onDone).toHaveBeenCalledTimes(1);
  });

  test.each([1, 2000])(
    'what an acknowledgement hands in while entry %i of an ended session is discarded is committed, together',
    async (place) => {
      const { writer, journal } = setUp();
      const [ended, other] = [new FakeOwner(1), new FakeOwner(2)];
      ended.online = false;
      other.online = false;
      journal.add(['deleteWill', 'first']);
      await pass(1);
      const ack = pendingAck();
      for (let seq = 1; seq <= 3000; seq++) {
        const kept = message('m', () => {
          if (seq !== place) return;
          journal.add(['incoming', 2, 5, 70], ack.pendingAck);
          journal.enqueue(other.entry(message('handed in')), false);
          ack.release();
        });
        journal.enqueue(ended.entry(kept), false);
        kept.pendingAck!.done();
      }
      ended.ended = true;
      journal.add(['endSession', 1]);
      writer.fast = true;
      writer.land();
      await pass(100);
      const written = writer.tried.slice(1);
      expect(written.flatMap(({ rows }) => rows.map(({ session }) => session))).toEqual([2]);
      const withIncoming = written.find(({ operations }) =>
        operations.some(([name]) => name === 'incoming'),
      );
      expect(withIncoming?.rows.map(({ session, body }) => [session, body])).toEqual([
        [2, '\0\x01thanded in'],
      ]);
      expect(ack.isDone()).toBe(true);
      expect(other.landed).toEqual([1]);
      expect(journal.waiting).toBe(0);
    },
  );

  test('a session that ends while its entries are written acknowledges once, and is deleted after them', async () => {
    const { writer, journal } = setUp();
    const onDone = vi.fn();
    const kept = message('m', onDone);
    const owner = new FakeOwner(1);
    const entry = owner.entry(kept);
    journal.enqueue(entry, false);
    kept.pendingAck!.done();
    await pass(1);
    owner.ended = true;
    journal.add(['endSession', 1]);
    journal.discard(entry);
    writer.land();
    await pass(1);
    expect(onDone).toHaveBeenCalledTimes(1);
    expect(writer.tried[1]).toEqual({
      operations: [['endSession', 1]],
      rows: [],
      shared: [],
      deletes: [],
    });
  });
});

test('the sent number is stored when it is higher than before', async () => {
  const { writer, journal } = setUp();
  writer.fast = true;
  const owner = new FakeOwner(3);
  owner.sent = 5;
  journal.markSent(owner);
  await pass(101);
  expect(writer.tried[0]!.operations).toEqual([['sessionSent', 5, 3]]);
  journal.markSent(owner);
  await pass(101);
  expect(writer.tried).toHaveLength(1);
});

describe('a retained value', () => {
  test('deferred values wait for their second and are written once, with their latest content', async () => {
    const { writer, journal, retained } = setUp();
    writer.fast = true;
    for (let i = 0; i < 100; i++) {
      retained.set('a', value(`a${i}`));
      journal.retain('a', undefined);
      await pass(5);
    }
    retained.set('b', value('b'));
    journal.retain('b', undefined);
    retained.delete('b');
    journal.retain('b', undefined);
    expect(writer.tried).toEqual([]);
    await pass(501);
    expect(writer.tried.map(({ operations }) => operations)).toEqual([
      [
        ['retain', 'a', 0, Buffer.from('a99'), '', NO_PROPERTIES, 0],
        ['unretain', 'b'],
      ],
    ]);
  });

  test('a durable value is written with its latest content, and not again after its second', async () => {
    const { writer, journal, retained } = setUp();
    writer.fast = true;
    const ack = pendingAck();
    retained.set('a', value('deferred'));
    journal.retain('a', undefined);
    retained.set('a', value('durable'));
    journal.retain('a', ack.pendingAck);
    ack.release();
    retained.set('a', value('newest'));
    journal.retain('a', undefined);
    await pass(1);
    expect(ack.isDone()).toBe(true);
    await pass(2000);
    expect(writer.tried.map(({ operations }) => operations)).toEqual([
      [['retain', 'a', 0, Buffer.from('newest'), '', NO_PROPERTIES, 0]],
    ]);
  });

  test('a deferred value that comes after the durable one was gathered is written too', async () => {
    const { writer, journal, retained } = setUp();
    const ack = pendingAck();
    retained.set('a', value('durable'));
    journal.retain('a', ack.pendingAck);
    ack.release();
    await pass(1);
    retained.set('a', value('later'));
    journal.retain('a', undefined);
    writer.fast = true;
    writer.land();
    await pass(1100);
    expect(writer.tried.at(-1)!.operations).toEqual([
      ['retain', 'a', 0, Buffer.from('later'), '', NO_PROPERTIES, 0],
    ]);
  });
});

describe('a failing disk', () => {
  test('while the disk fails nothing is acknowledged, and the same batch is tried again', async () => {
    const { writer, journal, troubles, fatal } = setUp();
    const owner = new FakeOwner(1);
    const onDone = vi.fn();
    const kept = message('m', onDone);
    const ack = pendingAck();
    journal.enqueue(owner.entry(kept), false);
    kept.pendingAck!.done();
    journal.add(['deleteWill', 'w'], ack.pendingAck);
    ack.release();
    await pass(1);
    for (const code of ['SQLITE_FULL', 'SQLITE_FULL', 'SQLITE_IOERR_WRITE']) {
      writer.fail(code);
      await pass(2001);
    }
    const later = pendingAck();
    journal.add(['deleteWill', 'later'], later.pendingAck);
    later.release();
    await pass(5000);
    expect(onDone).not.toHaveBeenCalled();
    expect(ack.isDone()).toBe(false);
    expect(writer.tried).toHaveLength(4);
    for (const again of writer.tried) expect(again).toEqual(writer.tried[0]);
    writer.land();
    await pass(1);
    expect(onDone).toHaveBeenCalledTimes(1);
    expect(ack.isDone()).toBe(true);
    expect(later.isDone()).toBe(false);
    writer.land();
    await pass(1);
    expect(later.isDone()).toBe(true);
    expect(troubles).toEqual(['SQLITE_FULL', 'SQLITE_IOERR_WRITE', undefined]);
    expect(fatal).toEqual([]);
  });

  test('entries discarded while the disk fails do not stay in memory', async () => {
    const { writer, journal } = setUp();
    const owner = new FakeOwner(1);
    owner.online = false;
    journal.add(['deleteWill', 'w']);
    await pass(1);
    writer.fail();
    let acknowledged = 0;
    for (let i = 0; i < 20_000; i++) {
      const kept = message('x', () => acknowledged++);
      const entry = owner.entry(kept);
      journal.enqueue(entry, true);
      kept.pendingAck!.done();
      if (i >= 10) journal.discard(entry);
    }
    expect(acknowledged).toBe(19_990);
    expect(journal.waiting).toBeLessThan(5000);
    await pass(200);
    writer.fast = true;
    writer.land();
    await pass(10);
    expect(writer.tried.at(-1)!.rows).toHaveLength(10);
    expect(acknowledged).toBe(20_000);
  });

  test.each([
    ['a fault at every change', (writer: FakeWriter) => writer.fail('SQLITE_CONSTRAINT')],
    ['the end of the thread', (writer: FakeWriter) => writer.break()],
  ])('%s is fatal and acknowledges nothing', async (_name, hit) => {
    const { writer, journal, fatal } = setUp();
    const ack = pendingAck();
    journal.add(['deleteWill', 'w'], ack.pendingAck);
    ack.release();
    await pass(1);
    hit(writer);
    await pass(1);
    if (writer.tried.length > 1) hit(writer);
    await pass(5000);
    expect(fatal).toHaveLength(1);
    expect(ack.isDone()).toBe(false);
  });
});

describe('flush and stop', () => {
  test('a flush has everything on disk, deferred changes too', async () => {
    const { writer, journal, retained } = setUp();
    const owner = new FakeOwner(1);
    retained.set('a', value('v'));
    journal.retain('a', undefined);
    journal.enqueue(owner.entry(message('fresh')), true);
    let flushed = false;
    void journal.flush().then(() => {
      flushed = true;
    });
    await pass(0);
    expect(flushed).toBe(false);
    writer.land();
    await pass(1);
    expect(flushed).toBe(true);
    expect(writer.tried[0]!.rows).toHaveLength(1);
    expect(writer.tried[0]!.operations).toHaveLength(1);
  });

  test('a flush during a commit waits for the next one', async () => {
    const { writer, journal } = setUp();
    journal.add(['deleteWill', 'a']);
    await pass(1);
    journal.add(['deleteWill', 'b']);
    let flushed = false;
    void journal.flush().then(() => {
      flushed = true;
    });
    writer.land();
    await pass(1);
    expect(flushed).toBe(false);
    writer.land();
    await pass(1);
    expect(flushed).toBe(true);
  });

  test('a stop gives up on a disk that does not take the last commit', async () => {
    const { writer, journal, fatal } = setUp();
    journal.add(['deleteWill', 'a']);
    await pass(1);
    const stopped = journal.stop(5000);
    writer.fail();
    await pass(100);
    writer.fail();
    await pass(5000);
    expect(await stopped).toBe(false);
    const tried = writer.tried.length;
    writer.fail();
    await pass(5000);
    expect(writer.tried).toHaveLength(tried);
    expect(fatal).toEqual([]);
  });

  test('a stop without anything to write is quick and leaves no timer', async () => {
    const { writer, journal, retained } = setUp();
    retained.set('a', value('v'));
    journal.retain('a', undefined);
    writer.fast = true;
    const stopped = journal.stop(5000);
    await pass(1);
    expect(await stopped).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('a pending acknowledgement that is done keeps nothing alive', async () => {
  vi.useRealTimers();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let onDone = 0;
  let connection: object | undefined = { name: 'connection' };
  const held = new WeakRef(connection);
  const kept = message(
    'm',
    ((of: object) => () => {
      onDone += Object.keys(of).length;
    })(connection),
  );
  connection = undefined;
  kept.pendingAck!.add();
  kept.pendingAck!.done();
  expect(onDone).toBe(0);
  kept.pendingAck!.done();
  expect(onDone).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(held.deref()).toBeUndefined();
  expect(kept.pendingAck).not.toBeNull();
});

describe('bytes that wait for the disk', () => {
  const MIB = 1024 * 1024;
  const big = 'x'.repeat(MIB - 3);

  test.each(['at once', 'after its generation', 'deferred'] as const)(
    'are forgotten with an entry that is acknowledged before it is written (%s)',
    async (when) => {
      const { writer, journal } = setUp();
      const owner = new FakeOwner(7);
      const relieved = vi.fn();
      // The disk is busy with something else.
      journal.add(['setMeta', 'x', 1]);
      await pass(1);
      expect(writer.busy).toBe(true);
      for (let round = 0; round < 3; round++) {
        const entries = Array.from({ length: 33 }, () => owner.entry(message(big)));
        for (const entry of entries) {
          if (when === 'deferred') journal.enqueueDeferred(entry);
          else journal.enqueue(entry, when === 'after its generation');
        }
        expect(journal.congested).toBe(true);
        journal.onceRelieved(relieved);
        await pass(10);
        for (const entry of entries) journal.discard(entry);
        expect(journal.congested).toBe(false);
        expect(relieved).toHaveBeenCalledTimes(round + 1);
      }
      // Nothing is left: as much as before fits in.
      for (let n = 0; n < 32; n++) journal.enqueue(owner.entry(message(big)), false);
      expect(journal.congested).toBe(false);
    },
  );

  test('are counted once for an entry that is acknowledged while it is being written, or whose session ends', async () => {
    const { writer, journal } = setUp();
    const owner = new FakeOwner(7);
    for (let round = 0; round < 3; round++) {
      const entries = Array.from({ length: 33 }, () => owner.entry(message(big)));
      for (const entry of entries) journal.enqueue(entry, false);
      // So many bytes are packed in several turns of the event loop.
      while (!writer.busy) await pass(1);
      for (const entry of entries) journal.discard(entry);
      writer.land();
      while (journal.congested) await pass(1);
      expect(journal.congested).toBe(false);
      while (writer.busy) {
        writer.land();
        await pass(100);
      }
    }
    journal.add(['setMeta', 'x', 1]);
    await pass(1);
    const ended = new FakeOwner(8);
    for (let n = 0; n < 33; n++) journal.enqueue(ended.entry(message(big)), false);
    expect(journal.congested).toBe(true);
    ended.ended = true;
    while (!writer.busy) await pass(1);
    writer.land();
    await pass(200);
    while (writer.busy) {
      writer.land();
      await pass(100);
    }
    expect(journal.congested).toBe(false);
    for (let n = 0; n < 32; n++) journal.enqueue(owner.entry(message(big)), false);
    expect(journal.congested).toBe(false);
  });
});
