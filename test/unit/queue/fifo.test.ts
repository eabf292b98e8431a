import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fifo } from '../../../src/queue/fifo.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { FakeOwner, message } from '../../support/entries.ts';

function check(fifo: Fifo, model: readonly QueueEntry[]): void {
  expect(fifo.length).toBe(model.length);
  expect(fifo.bytes).toBe(model.reduce((sum, each) => sum + each.message.body.length, 0));
  expect(fifo.get(0)).toBe(model[0]);
  expect(fifo.get(model.length - 1)).toBe(model.at(-1));
  expect(fifo.get(model.length)).toBeUndefined();
}

test('holds what an array holds', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 1500 }) }),
      fc.record({ shift: fc.integer({ min: 1, max: 2500 }) }),
      fc.record({ cut: fc.integer({ min: 0, max: 1500 }) }),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, (made) => {
      const fifo = new Fifo();
      const owner = new FakeOwner(1);
      const model: QueueEntry[] = [];
      for (const step of made) {
        if ('push' in step) {
          for (let i = 0; i < step.push; i++) {
            const entry = owner.entry(message('x'.repeat(i % 20)));
            fifo.push(entry);
            model.push(entry);
          }
        } else if ('shift' in step) {
          const shifted = Array.from({ length: step.shift }, () => fifo.shift()?.seq);
          const right = model.splice(0, step.shift).map(({ seq }) => seq);
          expect(shifted.filter((seq) => seq !== undefined)).toEqual(right);
        } else {
          const right = model.splice(step.cut).map(({ seq }) => seq);
          expect(fifo.cut(step.cut).map(({ seq }) => seq)).toEqual(right);
        }
        check(fifo, model);
      }
    }),
    { numRuns: 50 },
  );
});

test('an entry is found by its number, and the next one where the number is missing', () => {
  const fifo = new Fifo();
  const owner = new FakeOwner(1);
  for (let i = 0; i < 10; i++) {
    const entry = owner.entry(message('x'));
    if (entry.seq % 2) fifo.push(entry);
  }
  fifo.shift();
  expect([3, 4, 9, 10].map((seq) => fifo.search(seq))).toEqual([0, 1, 3, 4]);
});
