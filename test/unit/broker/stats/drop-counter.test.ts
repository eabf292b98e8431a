import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DropCounter } from '../../../../src/broker/stats/drop-counter.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a burst is logged when it begins and when it is over, however long it is', () => {
  const { log, lines } = createQuietLog();
  const drops = new DropCounter(log);
  for (let i = 0; i < 100; i++) {
    drops.count('hmi', 'queue-full');
    vi.advanceTimersByTime(9000);
  }
  expect(lines).toEqual(['messages are being dropped']);
  vi.advanceTimersByTime(1001);
  expect(lines).toEqual(['messages are being dropped', 'messages were dropped']);
  drops.count('hmi', 'queue-full');
  expect(lines).toHaveLength(3);
  expect(drops.total).toBe(101);
});

test('each reason and each client has its own burst; totals are by reason', () => {
  const { log, lines } = createQuietLog();
  const drops = new DropCounter(log);
  drops.count('a', 'queue-full', 3);
  drops.count('b', 'queue-full');
  drops.count('a', 'expired');
  expect(lines).toHaveLength(3);
  expect(Object.fromEntries(drops.byReason)).toEqual({ 'queue-full': 4, expired: 1 });
  expect(drops.total).toBe(5);
});

test('thousands of clients that lose messages are counted, but not all of them are logged', () => {
  const { log, lines } = createQuietLog();
  const drops = new DropCounter(log);
  for (let i = 0; i < 5000; i++) drops.count(`client ${i}`, 'slow-reader');
  // The last line is of all others.
  expect(lines).toHaveLength(1001);
  expect(drops.total).toBe(5000);
});

test('an hour of clients that come once has a bounded number of lines', () => {
  const { log, lines, records } = createQuietLog();
  let now = 0;
  const drops = new DropCounter(log, () => now);
  for (let second = 0; second < 3600; second++) {
    for (let n = 0; n < 20; n++) drops.count(`client ${second} ${n}`, 'slow-reader');
    now += 1000;
    vi.advanceTimersByTime(1000);
  }
  vi.advanceTimersByTime(20_000);
  // A begin and an end for each line of the budget: a thousand at once, then twenty a minute.
  expect(lines.length).toBeLessThanOrEqual(2 * (1000 + 60 * 20 + 2));
  expect(drops.total).toBe(72_000);
  expect(records.some((record) => Object.values(record).includes('others'))).toBe(true);
});

test('after a stop no timer is left', () => {
  const { log } = createQuietLog();
  const drops = new DropCounter(log);
  drops.count('a', 'queue-full');
  drops.stop();
  expect(vi.getTimerCount()).toBe(0);
});
