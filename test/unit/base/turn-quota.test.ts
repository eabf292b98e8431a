import { expect, test } from 'vitest';
import { TurnQuota } from '../../../src/base/turn-quota.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('what is more than a turn has room for waits for later turns, in its order', async () => {
  const quota = new TurnQuota(2);
  const done: number[] = [];
  for (let i = 0; i < 5; i++) quota.run(() => void done.push(i));
  expect(done).toEqual([0, 1]);
  await turn();
  expect(done).toEqual([0, 1, 2, 3]);
  // What is new comes behind what waits, and counts in the same turn.
  quota.run(() => void done.push(5));
  expect(done).toEqual([0, 1, 2, 3]);
  await turn();
  expect(done).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a new turn has room again', async () => {
  const quota = new TurnQuota(1);
  const done: number[] = [];
  for (let i = 0; i < 3; i++) {
    quota.run(() => void done.push(i));
    expect(done).toHaveLength(i + 1);
    await turn();
  }
});

test('work that is added by work of the same turn counts', async () => {
  const quota = new TurnQuota(2);
  const done: string[] = [];
  quota.run(() => {
    done.push('outer');
    for (const name of ['a', 'b']) quota.run(() => void done.push(name));
  });
  expect(done).toEqual(['outer', 'a']);
  await turn();
  expect(done).toEqual(['outer', 'a', 'b']);
});
