import { expect, test } from 'vitest';
import { TurnBudget } from '../../../src/base/turn-budget.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A budget on a clock that each part of work advances by a quarter of a turn's time, and the parts that were done. */
function setUp() {
  let now = 0;
  const turnBudget = new TurnBudget(() => now);
  const done: string[] = [];
  function* work(name: string, parts: number): Generator<undefined, void> {
    for (let i = 0; i < parts; i++) {
      now += 0.75;
      done.push(name);
      yield;
    }
  }
  return { turnBudget, done, work };
}

test('short work is done at once', () => {
  const { turnBudget, done, work } = setUp();
  let hasEnded = false;
  turnBudget.run(work('a', 3), () => {
    hasEnded = true;
  });
  expect([done.length, hasEnded]).toEqual([3, true]);
});

test('long work takes several turns, each of bounded time, and another piece has its turn in between', async () => {
  const { turnBudget, done, work } = setUp();
  const ended: string[] = [];
  turnBudget.run(work('a', 18), () => void ended.push('a'));
  expect(done).toHaveLength(4);
  turnBudget.run(work('b', 1), () => void ended.push('b'));
  expect(done).not.toContain('b');
  await turn();
  expect(done).toHaveLength(8);
  await turn();
  expect(done).toContain('b');
  for (let i = 0; i < 6; i++) await turn();
  expect(done).toHaveLength(19);
  expect(ended).toEqual(['b', 'a']);
});

test('work that waits for something continues after that', async () => {
  const { turnBudget } = setUp();
  const steps: string[] = [];
  let ready = (): void => undefined;
  function* work(): Generator<Promise<void> | undefined, void> {
    yield new Promise<void>((resolve) => {
      ready = resolve;
    });
    steps.push('after it');
  }
  turnBudget.run(work(), () => void steps.push('ended'));
  await turn();
  expect(steps).toEqual([]);
  ready();
  await turn();
  expect(steps).toEqual(['after it', 'ended']);
});

test('an error of the work ends it, in whatever turn it comes', async () => {
  const { turnBudget, work } = setUp();
  function* failing(): Generator<undefined, void> {
    yield* work('a', 8);
    throw new Error('at the end');
  }
  let failure: unknown;
  turnBudget.run(failing(), (error) => {
    failure = error;
  });
  for (let i = 0; i < 3; i++) await turn();
  expect(failure).toMatchObject({ message: 'at the end' });
});
