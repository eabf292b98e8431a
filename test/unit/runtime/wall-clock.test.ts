import { describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { KernelFiles } from '../../../src/buses/kernel-files.ts';
import { createWallClock, type WallClock } from '../../../src/runtime/wall-clock.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

const HOUR = 3_600_000;

function setUp(folders: Record<string, string[]>, answer = 'no', rtc?: string) {
  const clock = createManualClock();
  const state = createMemoryState();
  const files: Pick<KernelFiles, 'list' | 'read'> = {
    list: async (path) => folders[path] ?? Promise.reject(new Error('ENOENT')),
    read: async () => rtc ?? Promise.reject(new Error('ENOENT')),
  };
  let boot = 6;
  const calls: number[] = [];
  const start = async (): Promise<WallClock> => {
    boot++;
    const wallClock = createWallClock({
      clock,
      files: files as KernelFiles,
      askTimedatectl: async () => answer,
      log: createQuietLog().log,
      boot: () => boot,
      state,
      onSet: () => calls.push(boot),
    });
    await wallClock.start();
    return wallClock;
  };
  return { clock, folders, start, calls };
}

const TIMESYNCD = { '/run/systemd': ['timesync'], '/run/systemd/timesync': [] };

test('until a time server has set it, time goes on evenly; then the step is known, also after a restart', async () => {
  const { clock, folders, start, calls } = setUp({ ...TIMESYNCD });
  const first = clock.wall();
  const wallClock = await start();
  expect(wallClock.isSet()).toBe(false);
  await clock.advance(5000);
  clock.setWall(first + HOUR);
  expect(wallClock.now()).toBe(first + 5000);
  expect(wallClock.stepOf(7)).toBeUndefined();
  folders['/run/systemd/timesync'] = ['synchronized'];
  await clock.advance(1000);
  expect(wallClock.isSet()).toBe(true);
  expect(wallClock.now()).toBe(first + HOUR + 1000);
  expect(wallClock.stepOf(7)).toBe(HOUR - 5000);
  expect(calls).toEqual([7]);
  await wallClock.stop();
  expect(clock.sleeping).toBe(0);

  const next = await start();
  expect(next.isSet()).toBe(true);
  expect(calls).toEqual([7, 8]);
  expect([6, 7, 8].map((boot) => next.stepOf(boot))).toEqual([undefined, HOUR - 5000, undefined]);
});

test('after two minutes it is a trouble, which goes away by itself', async () => {
  const { clock, folders, start } = setUp({ ...TIMESYNCD });
  const wallClock = await start();
  await clock.advance(119_000);
  expect(wallClock.trouble?.()).toBeUndefined();
  await clock.advance(1000);
  expect(wallClock.trouble?.()).toMatch(/^the clock is not set/);
  folders['/run/systemd/timesync'] = ['synchronized'];
  await clock.advance(1000);
  expect(wallClock.trouble?.()).toBeUndefined();
});

describe('is believed at once', () => {
  test.each([
    ['where nobody is there to set it', {}, 'no', undefined],
    ['where a battery has kept it', TIMESYNCD, 'no', '1795000000'],
    ['where chrony has set it', { '/run': ['chrony'] }, 'yes', undefined],
    ['where nobody tells', { '/run': ['chrony'] }, '', undefined],
  ])('%s', async (_where, folders, answer, rtc) => {
    const wallClock = await setUp(folders, answer, rtc).start();
    expect(wallClock.isSet()).toBe(true);
  });
});

describe('is not believed', () => {
  test.each([
    ['while chrony has not set it', { '/run': ['chrony'] }, 'no', undefined],
    ['where the battery is empty', TIMESYNCD, 'no', '12'],
  ])('%s', async (_where, folders, answer, rtc) => {
    const wallClock = await setUp(folders, answer, rtc).start();
    expect(wallClock.isSet()).toBe(false);
    await wallClock.stop();
  });

  test('when it shows a time before there was a gateway', async () => {
    const { clock, start } = setUp({});
    clock.setWall(0);
    const wallClock = await start();
    expect(wallClock.isSet()).toBe(false);
    clock.setWall(Date.UTC(2026, 10, 21));
    await clock.advance(1000);
    expect(wallClock.isSet()).toBe(true);
  });
});
