import { expect, test } from 'vitest';
import { IdleSpace } from '../../../../src/store/commit/idle-space.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

function setUp(giveBack: () => Promise<number>) {
  const { log, lines } = createQuietLog();
  const counts = { commits: 10_000, entries: 0, lastMs: 1 };
  const journal = { counts, unansweredMs: 0 };
  let asked = 0;
  const ask = (): Promise<number> => {
    asked++;
    return giveBack();
  };
  const space = new IdleSpace({ writer: { giveBack: ask }, journal, log });
  return { space, journal, lines, asked: () => asked };
}

test('space is given back where there were few commits since the last poll, and that is logged', async () => {
  const { space, journal, lines, asked } = setUp(async () => 1000);
  journal.counts.commits += 299;
  await space.poll();
  expect([asked(), lines.length]).toEqual([1, 1]);
  expect(lines[0]).toBe('free space of the database is given back');
  journal.counts.commits += 300;
  await space.poll();
  expect(asked()).toBe(1);
  await space.poll();
  expect(asked()).toBe(2);
});

test('not while a commit takes long', async () => {
  const { space, journal, asked } = setUp(async () => 1000);
  journal.unansweredMs = 5;
  await space.poll();
  expect(asked()).toBe(0);
});

test('a failure is logged, and tried again at the next poll; nothing to give back is not logged', async () => {
  let fails = true;
  const { space, lines, asked } = setUp(async () => {
    if (fails) throw new Error('disk I/O error');
    return 0;
  });
  await space.poll();
  expect(lines[0]).toBe('free space of the database is not given back');
  fails = false;
  await space.poll();
  expect([asked(), lines.length]).toEqual([2, 1]);
});
