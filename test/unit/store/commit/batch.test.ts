import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UNWRITTEN, WRITING } from '../../../../src/queue/queue-entry.ts';
import {
  type Batch,
  type CommitParts,
  type Operation,
  PackError,
  packBatch,
  packOrThrow,
  packParts,
  SEGMENT,
  SHARED,
} from '../../../../src/store/commit/batch.ts';
import { FakeOwner, message } from '../../../support/entries.ts';
import { decodeBatch } from '../../../support/fake-writer.ts';

const ids = (from: number) => () => from++;

test('a message of one session travels with its row', () => {
  const owner = new FakeOwner(3);
  const entry = owner.entry(message('alone'), 2);
  expect(entry.written).toBe(UNWRITTEN);
  const batch = packBatch([], [entry], [3, 1, 2], ids(1));
  expect(decodeBatch(batch)).toEqual({
    operations: [],
    rows: [{ session: 3, seq: 1, flags: 2, body: '\0\x01talone' }],
    shared: [],
    deletes: ['3: 1-2'],
  });
  expect(entry.written).toBe(WRITING);
  expect(entry.message.id).toBe(0);
});

test('a message of several sessions is packed once, and counts the rows of this batch alone', () => {
  const shared = message('shared');
  const [a, b, later] = [new FakeOwner(1), new FakeOwner(2), new FakeOwner(3)];
  const entries = [a.entry(shared), b.entry(message('own')), b.entry(shared)];
  const late = later.entry(shared);
  const first = decodeBatch(packBatch([], entries, [], ids(9)));
  expect(first.shared).toEqual([{ id: 9, holders: 2, body: '\0\x01tshared' }]);
  expect(first.rows.map(({ session, seq, body }) => [session, seq, body])).toEqual([
    [1, 1, '#9'],
    [2, 1, '\0\x01town'],
    [2, 2, '#9'],
  ]);
  const second = decodeBatch(packBatch([], [late], [], ids(10)));
  expect(second.shared).toEqual([{ id: 9, holders: 1, body: '\0\x01tshared' }]);
});

test('flags hold QoS, retain, sent and released', () => {
  const owner = new FakeOwner(1);
  const entry = owner.entry(message('m'), 2);
  entry.sent = true;
  entry.released = true;
  expect(decodeBatch(packBatch([], [entry], [], ids(1))).rows[0]!.flags).toBe(2 | 8 | 16);
});

/** First number, span and count of each segment. */
function segmentsOf(batch: Batch): number[][] {
  const found: number[][] = [];
  for (let i = 1; i < batch.segments.length; i += SEGMENT) {
    found.push([...batch.segments.subarray(i, i + 3)]);
  }
  return found;
}

test('a segment has no gap in its numbers: what is written later may belong there', () => {
  const owner = new FakeOwner(1);
  const entries = Array.from({ length: 6 }, () => owner.entry(message('m')));
  const batch = packBatch([], [entries[0]!, entries[1]!, entries[3]!, entries[2]!], [], ids(1));
  expect(segmentsOf(batch)).toEqual([
    [1, 1, 2],
    [4, 0, 1],
    [3, 0, 1],
  ]);
});

test('a segment that is large enough takes no further entry', () => {
  const owner = new FakeOwner(1);
  const entries = Array.from({ length: 5 }, () => owner.entry(message('x'.repeat(10_000))));
  expect(segmentsOf(packBatch([], entries, [], ids(1)))).toEqual([
    [1, 1, 2],
    [3, 1, 2],
    [5, 0, 1],
  ]);
});

test('an empty batch is empty', () => {
  const batch = packBatch([], [], [], ids(1));
  expect(batch.segments).toHaveLength(0);
  expect(batch.bytes).toHaveLength(0);
});

test('whatever is packed comes out again, each queue in its order', () => {
  const anyMessages = fc.array(
    fc.record({ payload: fc.string(), holders: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(
    fc.property(anyMessages, (made) => {
      const owners = [1, 2, 3, 4].map((key) => new FakeOwner(key));
      const kept = made.map(({ payload, holders }) => ({ message: message(payload), holders }));
      const entries = kept.flatMap(({ message: each, holders }) =>
        owners.slice(0, holders).map((owner) => owner.entry(each)),
      );
      const batch = packBatch([], entries, [], ids(1));
      const { rows, shared } = decodeBatch(batch);
      const bodies = new Map(shared.map(({ id, body }) => [`#${id}`, body]));
      for (const { key } of owners) {
        const packed = rows.filter(({ session }) => session === key);
        expect(packed.map(({ seq, body }) => [seq, bodies.get(body) ?? body])).toEqual(
          entries
            .filter(({ owner }) => owner!.key === key)
            .map(({ seq, message: { body } }) => [seq, body.toString('latin1')]),
        );
      }
      expect(batch.shared).toHaveLength(made.filter(({ holders }) => holders > 1).length * SHARED);
      const sessions = new Set(rows.map(({ session }) => session));
      expect(batch.segments).toHaveLength(sessions.size * SEGMENT);
    }),
  );
});

describe('the parts of a commit', () => {
  /** How many operations, rows and ranges each part has, and which entries were packed. */
  function parts(commit: Partial<CommitParts>) {
    const packed: number[] = [];
    const entries: CommitParts['entries'][number][] = [];
    const counts: number[][] = [];
    const all = { operations: [], entries: [], deletes: [], ...commit };
    for (const part of packParts(all, entries, ids(1))) {
      const { operations, rows, deletes } = decodeBatch(part);
      counts.push([operations.length, rows.length, deletes.length]);
    }
    packed.push(...entries.map(({ seq }) => seq));
    return { counts, packed };
  }
  const operations = (count: number): Operation[] =>
    Array.from({ length: count }, (_, n) => ['deleteWill', `${n}`]);
  const entries = (count: number, bytes = 10) => {
    const owner = new FakeOwner(1);
    return Array.from({ length: count }, () => owner.entry(message('x'.repeat(bytes - 3))));
  };
  const deletes = (count: number): number[] =>
    Array.from({ length: count }, (_, n) => [1, n * 2 + 1, n * 2 + 1]).flat();

  test('one, where all of it is small', () => {
    const { counts, packed } = parts({
      operations: operations(1000),
      entries: entries(1000),
      deletes: deletes(1000),
    });
    expect(counts).toEqual([[1000, 1000, 1000]]);
    expect(packed).toHaveLength(1000);
  });

  test('have a thousand operations, entries and ranges each, in this order', () => {
    const { counts } = parts({
      operations: operations(2001),
      entries: entries(1001),
      deletes: deletes(1001),
    });
    expect(counts).toEqual([
      [1000, 0, 0],
      [1000, 0, 0],
      [1, 1000, 0],
      [0, 1, 1000],
      [0, 0, 1],
    ]);
  });

  test('have 1 MiB of entries, with the one that fills it', () => {
    const half = 512 * 1024;
    expect(parts({ entries: entries(5, half) }).counts).toEqual([
      [0, 2, 0],
      [0, 2, 0],
      [0, 1, 0],
    ]);
    expect(parts({ entries: entries(4, half + 1) }).counts).toEqual([
      [0, 2, 0],
      [0, 2, 0],
    ]);
    expect(parts({ entries: entries(3, half - 1) }).counts).toEqual([[0, 3, 0]]);
  });

  test('leave out what is gone when they are packed', () => {
    const all = entries(5);
    for (const n of [0, 3, 4]) all[n]!.gone = true;
    expect(parts({ entries: all })).toEqual({ counts: [[0, 2, 0]], packed: [2, 3] });
    for (const each of all) each.gone = true;
    expect(parts({ entries: all })).toEqual({ counts: [[0, 0, 0]], packed: [] });
  });
});

test('what can not be packed is told from other errors', () => {
  const broken = new FakeOwner(1).entry(message('m'));
  Object.assign(broken, { message: null });
  expect(() => packOrThrow([], [broken], [], ids(1))).toThrow(PackError);
});
