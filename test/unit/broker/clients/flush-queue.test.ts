import { expect, test } from 'vitest';
import { FlushQueue } from '../../../../src/broker/clients/flush-queue.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A queue on a clock that each flush advances by half a millisecond, and what was flushed, by name. */
function setUp() {
  let now = 0;
  const flushed: string[] = [];
  const errors: unknown[] = [];
  const queue = new FlushQueue({ now: () => now, failed: (error) => errors.push(error) });
  const buffer = (name: string, act: () => void = () => undefined) => ({
    flush() {
      now += 0.5;
      flushed.push(name);
      act();
    },
    destroy: () => void flushed.push(`${name} destroyed`),
  });
  return { queue, flushed, errors, buffer };
}

test('buffers are flushed at the end of the turn, in their order', async () => {
  const { queue, flushed, buffer } = setUp();
  for (const name of ['a', 'b', 'c']) queue.add(buffer(name));
  expect(flushed).toEqual([]);
  await turn();
  expect(flushed).toEqual(['a', 'b', 'c']);
});

test('a thousand buffers take several turns of bounded time, each is flushed once, in their order', async () => {
  const { queue, flushed, buffer } = setUp();
  const names = Array.from({ length: 1000 }, (_, i) => `s${i}`);
  for (const name of names) queue.add(buffer(name));
  const perTurn: number[] = [];
  while (flushed.length < 1000) {
    const before = flushed.length;
    await turn();
    perTurn.push(flushed.length - before);
  }
  // 3 ms are 6 flushes; the clock is read after 16.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(16);
  expect(flushed).toEqual(names);
  await turn();
  expect(flushed).toHaveLength(1000);
});

test('an answer does not wait for a thousand that are left over', async () => {
  const { queue, flushed, buffer } = setUp();
  for (let i = 0; i < 1000; i++) queue.add(buffer(`s${i}`));
  await turn();
  queue.add(buffer('answer'));
  await turn();
  expect(flushed).toContain('answer');
  expect(flushed.length).toBeLessThan(50);
});

test('those that are left over go on while new ones come all the time', async () => {
  const { queue, flushed, buffer } = setUp();
  for (let i = 0; i < 100; i++) queue.add(buffer(`s${i}`));
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) queue.add(buffer(`new${round}`));
    await turn();
  }
  expect(flushed).toContain('s99');
});

test('a flush that throws ends its connection, the others are flushed', async () => {
  const { queue, flushed, errors, buffer } = setUp();
  const broken = (): void => {
    throw new Error('broken');
  };
  for (let i = 0; i < 40; i++) queue.add(buffer(`s${i}`, i === 20 ? broken : undefined));
  for (let i = 0; i < 5; i++) await turn();
  expect(errors).toHaveLength(1);
  expect(flushed.filter((name) => name.startsWith('s'))).toHaveLength(41);
  expect(flushed).toContain('s20 destroyed');
  expect(flushed).toContain('s39');
});
