import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { AckWait } from '../../../../src/store/commit/ack-wait.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** So many windows of 100 ms with so many entries each. */
function stream(wait: AckWait, windows: number, entries: number): void {
  inWindows(windows, entries, () => wait.arrived());
}

/** The same with entries whose subscriber is away. */
function away(wait: AckWait, windows: number, entries: number): void {
  inWindows(windows, entries, () => wait.passed());
}

function inWindows(windows: number, entries: number, add: () => void): void {
  for (let n = 0; n < windows; n++) {
    for (let i = 0; i < entries; i++) add();
    vi.advanceTimersByTime(100);
  }
}

test('a stream waits long after a second, a few messages and a very fast stream do not', () => {
  for (const [entries, ms] of [
    [4, 3],
    [5, 40],
    [128, 40],
    [129, 3],
  ] as const) {
    const wait = new AckWait();
    stream(wait, 9, entries);
    expect(wait.ms).toBe(3);
    stream(wait, 1, entries);
    expect(wait.ms, `${entries} entries`).toBe(ms);
  }
});

test('a message after the end of a stream waits shortly', () => {
  const wait = new AckWait();
  stream(wait, 20, 50);
  stream(wait, 1, 1);
  expect(wait.ms).toBe(3);
});

test('after a pause of the stream there is no timer', () => {
  const wait = new AckWait();
  stream(wait, 20, 50);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
  expect(wait.ms).toBe(3);
  wait.arrived();
  wait.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('where the long wait was of no use, it is tried again later and later', () => {
  const wait = new AckWait();
  const windowsUntilLong = (): number => {
    for (let n = 1; ; n++) {
      stream(wait, 1, 50);
      if (wait.ms === 40) return n;
    }
  };
  expect(windowsUntilLong()).toBe(10);
  const pauses = Array.from({ length: 7 }, () => {
    // A quarter of the 500 of a second.
    wait.waited(125);
    expect(wait.ms).toBe(40);
    wait.waited(1);
    expect(wait.ms).toBe(3);
    // Those of a short wait say nothing.
    wait.waited(80);
    return windowsUntilLong() - 10;
  });
  expect(pauses).toEqual([16, 32, 64, 128, 256, 512, 512]);
  stream(wait, 10, 50);
  wait.waited(126);
  expect(windowsUntilLong() - 10).toBe(16);
});

test('a few late ones in each second, as behind readings of many sensors, do not end the long wait', () => {
  const wait = new AckWait();
  stream(wait, 10, 50);
  for (let second = 0; second < 60; second++) {
    wait.waited(125);
    stream(wait, 10, 50);
    expect(wait.ms).toBe(40);
  }
});

test('of a stream that has become slower, a quarter of what it is now may be late', () => {
  const wait = new AckWait();
  stream(wait, 30, 50);
  stream(wait, 10, 8);
  wait.waited(20);
  expect(wait.ms).toBe(40);
  wait.waited(1);
  expect(wait.ms).toBe(3);
});

test('a stream whose publishers wait for each acknowledgement becomes slower, and waits shortly again', () => {
  const wait = new AckWait();
  stream(wait, 10, 15);
  expect(wait.ms).toBe(40);
  stream(wait, 9, 11);
  expect(wait.ms).toBe(40);
  stream(wait, 1, 11);
  expect(wait.ms).toBe(3);
  // The pause, and its own second.
  stream(wait, 25, 15);
  expect(wait.ms).toBe(3);
  stream(wait, 1, 15);
  expect(wait.ms).toBe(40);
  stream(wait, 9, 11);
  stream(wait, 1, 11);
  // Twice as long.
  stream(wait, 41, 15);
  expect(wait.ms).toBe(3);
  stream(wait, 1, 15);
  expect(wait.ms).toBe(40);
  stream(wait, 100, 12);
  expect(wait.ms).toBe(40);
});

test('what is known of a stream holds for a minute while its subscriber is away', () => {
  const wait = new AckWait();
  stream(wait, 19, 50);
  expect(wait.isProven).toBe(false);
  stream(wait, 6, 50);
  expect(wait.isProven).toBe(true);
  away(wait, 600, 50);
  expect([wait.isProven, wait.ms]).toEqual([true, 40]);
  stream(wait, 1, 50);
  away(wait, 601, 50);
  expect([wait.isProven, wait.ms]).toEqual([false, 3]);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
});

test('late entries of the second after a subscriber was away do not end the long wait, later ones do', () => {
  const wait = new AckWait();
  stream(wait, 25, 50);
  away(wait, 5, 50);
  wait.waited(500);
  stream(wait, 10, 50);
  expect(wait.ms).toBe(40);
  wait.waited(126);
  expect(wait.ms).toBe(3);
});

test('entries of a subscriber that is away make no stream', () => {
  const wait = new AckWait();
  away(wait, 30, 50);
  expect([wait.ms, vi.getTimerCount()]).toEqual([3, 0]);
});

test('a stream with some entries of a subscriber that is away is counted as before', () => {
  const wait = new AckWait();
  const both = (entries: number): void => {
    for (let i = 0; i < 5; i++) wait.passed();
    stream(wait, 1, entries);
  };
  for (let n = 0; n < 10; n++) both(15);
  for (let n = 0; n < 10; n++) both(11);
  expect(wait.ms).toBe(3);
});
