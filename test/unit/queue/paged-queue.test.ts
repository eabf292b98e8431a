import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PagedQueue } from '../../../src/queue/paged-queue.ts';
import { type QueueEntry, WRITTEN } from '../../../src/queue/queue-entry.ts';
import { FakeOwner, message } from '../../support/entries.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The row of an entry that was taken out of the middle is gone by then. */
const DELETED_MS = 200;

/** A queue over a disk that answers loads when the test says so, and an array that says what is right. */
class Bench {
  readonly owner = new FakeOwner(1);
  readonly queue: PagedQueue;
  /** What is on disk, rows included that are to be deleted later. */
  readonly disk = new Map<number, QueueEntry>();
  readonly model: QueueEntry[] = [];
  readonly #unwritten: QueueEntry[] = [];
  readonly #loads: { answer(): void; fail(): void }[] = [];
  loadedTwice = 0;
  notified = 0;

  constructor(stored = 0) {
    for (let i = 0; i < stored; i++) {
      const entry = this.#make(i % 300);
      entry.written = WRITTEN;
      this.disk.set(entry.seq, entry);
      this.model.push(entry);
    }
    const bytes = this.model.reduce((sum, each) => sum + each.message.body.length, 0);
    this.queue = new PagedQueue(
      (seq, limit) =>
        new Promise((resolve, reject) => {
          if (this.#loads.length > 0) this.loadedTwice++;
          // The answer is what stood on disk when the load came to its turn there.
          const rows = [...this.disk.values()].filter((row) => row.seq >= seq);
          const answer = rows.toSorted((a, b) => a.seq - b.seq).slice(0, limit);
          this.#loads.push({
            answer: () => resolve(answer.map((row) => this.#copy(row))),
            fail: () => reject(new Error('disk')),
          });
        }),
      () => this.notified++,
      stored > 0
        ? {
            first: this.model[0]!.seq,
            last: this.model.at(-1)!.seq,
            count: stored,
            bytes,
            oldestAt: 0,
          }
        : undefined,
    );
  }

  #make(size: number): QueueEntry {
    return this.owner.entry(message('x'.repeat(size)));
  }

  #copy(row: QueueEntry): QueueEntry {
    const copy: QueueEntry = Object.assign(Object.create(Object.getPrototypeOf(row)), row);
    copy.gone = false;
    return copy;
  }

  push(size: number): void {
    const entry = this.#make(size);
    this.model.push(entry);
    this.#unwritten.push(entry);
    this.queue.push(entry);
  }

  /** The disk has so many more of them. */
  commit(count: number): void {
    const landed = this.#unwritten.splice(0, count);
    for (const entry of landed) {
      entry.written = WRITTEN;
      this.disk.set(entry.seq, entry);
      if (entry.gone) this.#delete(entry);
    }
    for (const _ of landed) this.queue.spill();
  }

  /** Takes one out of the middle, if it is there: the commit that it is in may still land, its row goes later. */
  discard(index: number, commit: 'in time' | 'too late' = 'in time'): void {
    const entry = this.model[index];
    if (!entry) return;
    const found = this.queue.discard(entry.seq, entry.message.body.length);
    this.model.splice(index, 1);
    if (found === 'stored') this.#delete(entry);
    else {
      expect(found?.seq).toBe(entry.seq);
      found!.gone = true;
      entry.gone = true;
      const at = this.#unwritten.indexOf(entry);
      if (at < 0) this.#delete(entry);
      else if (commit === 'in time') this.#unwritten.splice(at, 1);
    }
  }

  /** Half of the rows at once, the others a moment later. */
  #delete(entry: QueueEntry): void {
    if (entry.seq % 2) this.disk.delete(entry.seq);
    else setTimeout(() => this.disk.delete(entry.seq), DELETED_MS);
  }

  async answerLoad(): Promise<void> {
    this.#loads.shift()?.answer();
    await vi.advanceTimersByTimeAsync(0);
  }

  async failLoad(): Promise<void> {
    this.#loads.shift()?.fail();
    await vi.advanceTimersByTimeAsync(0);
  }

  get loading(): boolean {
    return this.#loads.length > 0;
  }

  /** Takes the oldest, if it is in memory. */
  shift(): boolean {
    const oldest = this.queue.peek();
    if (!oldest) return false;
    expect(oldest.seq).toBe(this.model[0]!.seq);
    expect(this.queue.shift()).toBe(oldest);
    this.model.shift();
    const at = this.#unwritten.findIndex(({ seq }) => seq === oldest.seq);
    if (at >= 0) this.#unwritten.splice(at, 1);
    // The row is deleted some time later; half of them at once.
    if (oldest.seq % 2) this.disk.delete(oldest.seq);
    return true;
  }

  /** Takes out all that is only on disk, and then what is in memory. */
  purge(): void {
    const stored = this.queue.takeStored();
    if (stored) {
      for (const { seq } of [...this.model]) {
        if (seq < stored.first || seq > stored.last) continue;
        this.disk.delete(seq);
        this.model.splice(
          this.model.findIndex((each) => each.seq === seq),
          1,
        );
      }
    }
    while (this.shift());
    expect(this.queue.count).toBe(0);
  }

  check(): void {
    expect(this.queue.count).toBe(this.model.length);
    const bytes = this.model.reduce((sum, each) => sum + each.message.body.length, 0);
    expect(this.queue.bytes).toBe(bytes);
    expect(this.loadedTwice).toBe(0);
  }

  async drain(): Promise<void> {
    for (let i = 0; this.model.length > 0; i++) {
      if (i > 100_000) throw new Error('the queue does not end');
      if (this.shift()) continue;
      expect(this.loading).toBe(true);
      await this.answerLoad();
    }
    this.check();
    // What is left of a gap may still be looked for.
    expect(this.queue.peek()).toBeUndefined();
    while (this.loading) {
      await this.answerLoad();
      expect(this.queue.peek()).toBeUndefined();
    }
    expect(this.queue.inMemory).toBe(0);
  }
}

test('a short queue stays in memory', async () => {
  const bench = new Bench();
  for (let i = 0; i < 200; i++) bench.push(i);
  bench.commit(200);
  expect(bench.queue.inMemory).toBe(200);
  await bench.drain();
});

test('a long one costs the memory of a short one, and comes back in order', async () => {
  const bench = new Bench();
  for (let i = 0; i < 8000; i++) {
    bench.push(i % 50);
    if (i % 7 === 0) bench.commit(7);
  }
  bench.commit(8000);
  bench.check();
  expect(bench.queue.inMemory).toBeLessThanOrEqual(512);
  await bench.drain();
});

test('a stored queue is read from where it begins', async () => {
  const bench = new Bench(3000);
  bench.check();
  expect(bench.queue.peek()).toBeUndefined();
  await bench.drain();
});

test('what a read of a purged part gives does not come into the queue, whatever has come since', async () => {
  const bench = new Bench(1000);
  expect(bench.queue.peek()).toBeUndefined();
  bench.purge();
  for (let i = 0; i < 2000; i++) bench.push(3);
  bench.commit(2000);
  await bench.answerLoad();
  bench.check();
  await bench.drain();
});

test('rows that turn out not to be there are not counted any more', async () => {
  const bench = new Bench(1500);
  for (const entry of bench.model.splice(700)) bench.disk.delete(entry.seq);
  bench.push(3);
  bench.queue.peek();
  await bench.drain();
});

test('rows missing in the middle leave the others in order', async () => {
  const bench = new Bench(2000);
  for (const entry of bench.model.splice(300, 900)) bench.disk.delete(entry.seq);
  await bench.drain();
});

test('a load that fails is tried again by itself', async () => {
  const bench = new Bench(600);
  expect(bench.queue.peek()).toBeUndefined();
  for (let i = 0; i < 3; i++) {
    expect(bench.loading).toBe(true);
    await bench.failLoad();
    expect(bench.loading).toBe(false);
    const before = bench.notified;
    await vi.advanceTimersByTimeAsync(5000);
    // Whoever owns the queue looks again.
    expect(bench.notified).toBe(before + 1);
    bench.queue.peek();
  }
  await bench.drain();
});

test('a gap that grows while all that it held goes is read to its new end', async () => {
  const bench = new Bench();
  for (let i = 0; i < 600; i++) bench.push(1);
  bench.commit(600);
  expect(bench.queue.inMemory).toBe(256);
  while (bench.model.length > 256) bench.discard(256);
  await vi.advanceTimersByTimeAsync(DELETED_MS);
  bench.queue.peek();
  expect(bench.loading).toBe(true);
  for (let i = 0; i < 100; i++) bench.push(1);
  bench.commit(100);
  expect(bench.queue.inMemory).toBe(256);
  await bench.answerLoad();
  expect(bench.queue.count).toBe(356);
  await bench.drain();
});

test('an entry that is discarded while it is being written does not come back with the gap', async () => {
  const bench = new Bench();
  for (let i = 0; i < 700; i++) bench.push(1);
  bench.commit(600);
  for (let i = 650; i < 660; i++) bench.discard(650, 'too late');
  bench.commit(100);
  await bench.drain();
});

test('where the first beyond the head was discarded while it was being written, the order stays', async () => {
  const bench = new Bench();
  for (let i = 0; i < 600; i++) bench.push(1);
  bench.discard(256, 'too late');
  bench.commit(257);
  for (let i = 0; i < 10; i++) bench.push(1);
  await bench.drain();
});

test.each([100, 600])(
  'what is discarded before it is written does not stay in memory, in a queue of %i',
  async (stored) => {
    const bench = new Bench();
    for (let i = 0; i < stored; i++) bench.push(1);
    bench.commit(stored);
    for (let i = 0; i < 3000; i++) {
      bench.push(1);
      bench.discard(stored);
      bench.push(1);
      if (i % 10 === 0) bench.commit(10);
      bench.discard(stored);
    }
    bench.push(1);
    bench.commit(20);
    expect(bench.queue.inMemory).toBeLessThanOrEqual(600);
    await bench.drain();
  },
);

test('entries that were read ahead go back to the disk when the receiver goes, and the counts stay right', async () => {
  const bench = new Bench(3000);
  for (let round = 0; round < 4; round++) {
    bench.queue.peek();
    for (let loads = 0; loads < 3 && bench.loading; loads++) {
      await bench.answerLoad();
      bench.queue.peek();
    }
    for (let n = 0; n < 50; n++) bench.shift();
    expect(bench.queue.inMemory).toBeGreaterThan(512);
    bench.queue.unload();
    bench.check();
    while (bench.loading) await bench.answerLoad();
    bench.queue.unload();
    expect(bench.queue.inMemory).toBeLessThanOrEqual(512);
    bench.check();
  }
  await bench.drain();
  expect([bench.queue.count, bench.queue.bytes]).toEqual([0, 0]);
});

test('what was read ahead stays in memory when one of it was discarded, and the counts stay right', async () => {
  const bench = new Bench(3000);
  bench.queue.peek();
  for (let loads = 0; loads < 3; loads++) {
    await bench.answerLoad();
    bench.queue.peek();
  }
  while (bench.loading) await bench.answerLoad();
  const before = bench.queue.inMemory;
  expect(before).toBeGreaterThan(512);
  bench.discard(500);
  bench.queue.unload();
  expect(bench.queue.inMemory).toBe(before);
  bench.check();
  await vi.advanceTimersByTimeAsync(DELETED_MS);
  await bench.drain();
});

test('an empty queue gives nothing', () => {
  const { queue } = new Bench();
  expect([queue.peek(), queue.shift(), queue.first(0)]).toEqual([undefined, undefined, undefined]);
  expect([queue.count, queue.bytes]).toEqual([0, 0]);
});

test.each([1, 2, 300, 1200])(
  'the last entry of the part on disk can be discarded, and the first, of %i',
  async (stored) => {
    const bench = new Bench(stored);
    bench.push(3);
    bench.discard(stored - 1);
    bench.check();
    if (stored > 1) bench.discard(0);
    bench.check();
    await vi.advanceTimersByTimeAsync(DELETED_MS);
    await bench.drain();
  },
);

test('the last entry of a part that has been moved to the disk can be discarded', async () => {
  const bench = new Bench();
  for (let n = 0; n < 600; n++) bench.push(1);
  bench.commit(600);
  expect(bench.queue.inMemory).toBe(256);
  bench.discard(599);
  bench.check();
  await bench.drain();
});

test('a queue of few large messages is moved to the disk too, all but one', async () => {
  const bench = new Bench();
  for (let n = 0; n < 5; n++) bench.push(1024 * 1024);
  bench.commit(5);
  expect(bench.queue.inMemory).toBe(1);
  await bench.drain();
});

test('two of one MiB and 512 small ones stay in memory', async () => {
  const bench = new Bench();
  bench.push(1024 * 1024);
  bench.push(1024 * 1024 - 6);
  bench.commit(2);
  expect(bench.queue.inMemory).toBe(2);
  await bench.drain();
  for (let n = 0; n < 512; n++) bench.push(1);
  bench.commit(512);
  expect(bench.queue.inMemory).toBe(512);
  await bench.drain();
});

test('where it begins, and where its part on disk ends', async () => {
  const bench = new Bench();
  const at = () => [bench.queue.firstSeq, bench.queue.lastStored, bench.queue.oldestAt];
  const none = Number.POSITIVE_INFINITY;
  expect(at()).toEqual([none, 0, none]);
  for (let n = 0; n < 600; n++) bench.push(1);
  expect(at()).toEqual([1, 0, 1000]);
  bench.commit(600);
  bench.shift();
  expect(at()).toEqual([2, 600, 1000]);
  // Only the part on disk is left: what was read in advance has been taken.
  while (bench.queue.inMemory > 0) {
    bench.queue.shift();
    bench.model.shift();
  }
  bench.push(1);
  expect(at()).toEqual([257, 600, 1000]);
  expect(bench.queue.first(601)).toMatchObject({ seq: 601 });
  await bench.drain();
  expect(at()).toEqual([none, 0, none]);
});

test('an entry is discarded once, wherever it is, and never one in its place', async () => {
  const bench = new Bench(600);
  bench.queue.peek();
  await bench.answerLoad();
  bench.discard(10);
  bench.discard(499);
  bench.check();
  const again = [11, 501, 700].map((seq) => bench.queue.discard(seq, 1));
  expect(again).toEqual([undefined, undefined, undefined]);
  bench.check();
  for (let n = 0; n < 5; n++) bench.shift();
  expect(bench.queue.discard(3, 1)).toBeUndefined();
  bench.check();
  await vi.advanceTimersByTimeAsync(DELETED_MS);
  await bench.drain();
});

const steps = fc.array(
  fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 400 }), size: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ commit: fc.integer({ min: 1, max: 700 }) }),
    fc.record({ shift: fc.integer({ min: 1, max: 500 }) }),
    fc.record({
      discard: fc.integer({ min: 0, max: 1500 }),
      run: fc.integer({ min: 1, max: 400 }),
      late: fc.boolean(),
    }),
    fc.constant('answer' as const),
    fc.constant('fail' as const),
    fc.constant('spill' as const),
    fc.constant('unload' as const),
    fc.constant('purge' as const),
  ),
  { maxLength: 60 },
);

test('count, bytes and order are right whatever happens in which order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1200 }), steps, async (stored, wishes) => {
      const bench = new Bench(stored);
      for (const wish of wishes) {
        if (wish === 'answer') await bench.answerLoad();
        else if (wish === 'fail') await bench.failLoad();
        else if (wish === 'spill') bench.queue.spill();
        else if (wish === 'unload') bench.queue.unload();
        else if (wish === 'purge') bench.purge();
        else if ('push' in wish) for (let i = 0; i < wish.push; i++) bench.push(wish.size);
        else if ('commit' in wish) bench.commit(wish.commit);
        else if ('discard' in wish) {
          const commit = wish.late ? 'too late' : 'in time';
          for (let i = 0; i < wish.run; i++) bench.discard(wish.discard, commit);
        } else for (let i = 0; i < wish.shift && bench.shift(); i++);
        bench.check();
      }
      await bench.drain();
    }),
    { numRuns: 50 },
  );
});
