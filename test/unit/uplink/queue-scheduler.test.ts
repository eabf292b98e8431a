import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { QueueScheduler, type ScheduledQueue } from '../../../src/uplink/queue-scheduler.ts';
import type { CurrentRouting } from '../../../src/uplink/routing.ts';
import { FakeOwner, message } from '../../support/entries.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A queue of `count` messages with the payload `name`. */
class FakeQueue implements ScheduledQueue {
  readonly high: boolean;
  readonly live: boolean;
  readonly queue: { count: number };
  /** Whether the next message is still being read or written. */
  blocked = false;
  readonly #owner = new FakeOwner(1);
  readonly #name: string;

  constructor(name: string, count: number, { high = false, live = false } = {}) {
    this.#name = name;
    this.queue = { count };
    this.high = high;
    this.live = live;
  }

  peek() {
    if (this.queue.count === 0 || this.blocked) return undefined;
    return this.#owner.entry(message(this.#name));
  }

  take() {
    this.queue.count--;
    return this.#owner.entry(message(this.#name));
  }
}

interface Bench {
  /** The names of the queues of the next messages; `-` for none. */
  next(count: number, highOnly?: boolean): string;
  now: number;
  ready: number;
  readonly scheduler: QueueScheduler;
}

function bench(
  queues: readonly FakeQueue[],
  config: { live?: number; drainRate?: number; inflight?: number } = {},
): Bench {
  const settings = { live: 0, inflight: 100, ...config };
  let turn = 0;
  const one: Bench = {
    now: 1000,
    ready: 0,
    scheduler: new QueueScheduler({
      routing: () => ({ config: settings }) as unknown as CurrentRouting,
      queues: () => queues,
      monotonic: () => one.now,
      ready: () => one.ready++,
    }),
    next(count: number, highOnly = false): string {
      return Array.from({ length: count }, () => {
        const entry = one.scheduler.next(highOnly, turn++);
        return entry ? entry.message.body.toString('utf8', entry.message.topicEnd) : '-';
      }).join('');
    },
  };
  return one;
}

describe('priority', () => {
  test('a queue of high priority goes first', () => {
    const queues = [new FakeQueue('n', 3), new FakeQueue('h', 2, { high: true })];
    expect(bench(queues).next(6)).toBe('hhnnn-');
  });

  test('only such a queue is served while the window is nearly full', () => {
    const queues = [new FakeQueue('n', 3), new FakeQueue('h', 1, { high: true })];
    expect(bench(queues).next(3, true)).toBe('h--');
  });

  test('one whose next message is not ready does not hold the others up', () => {
    const high = new FakeQueue('h', 1, { high: true });
    high.blocked = true;
    expect(bench([high, new FakeQueue('n', 1)]).next(2)).toBe('n-');
  });
});

describe('queues of normal priority', () => {
  test('are served in turn', () => {
    const queues = [new FakeQueue('a', 3), new FakeQueue('b', 3)];
    expect(bench(queues).next(7)).toBe('ababab-');
  });

  test('give their turn to another while their next message is not ready', () => {
    const blocked = new FakeQueue('a', 3);
    blocked.blocked = true;
    expect(bench([blocked, new FakeQueue('b', 3)]).next(4)).toBe('bbb-');
  });
});

describe('the live share', () => {
  test('is the live queue’s part of the messages while others wait', () => {
    const queues = [new FakeQueue('n', 100), new FakeQueue('l', 100, { live: true })];
    expect(bench(queues, { live: 0.25 }).next(12)).toBe('nnnlnnnlnnnl');
  });

  test('all messages are live when no others wait', () => {
    const queues = [new FakeQueue('n', 1), new FakeQueue('l', 3, { live: true })];
    expect(bench(queues, { live: 0.25 }).next(5)).toBe('nlll-');
  });

  test('the live queue is served when the others have nothing ready', () => {
    const blocked = new FakeQueue('n', 3);
    blocked.blocked = true;
    const queues = [blocked, new FakeQueue('l', 2, { live: true })];
    expect(bench(queues, { live: 0.1 }).next(3)).toBe('ll-');
  });
});

describe('the drain rate', () => {
  test('limits a backlog, and wakes the sender when more is permitted', () => {
    const one = bench([new FakeQueue('n', 1000)], { drainRate: 50, inflight: 10 });
    // The first burst is a tenth of a second's messages.
    expect(one.next(7)).toBe('nnnnn--');
    one.now += 20;
    vi.advanceTimersByTime(20);
    expect(one.ready).toBe(1);
    expect(one.next(2)).toBe('n-');
  });

  test('does not limit a queue that is no backlog', () => {
    const one = bench([new FakeQueue('n', 10)], { drainRate: 1, inflight: 10 });
    expect(one.next(11)).toBe('nnnnnnnnnn-');
  });

  test('never limits what is live or of high priority', () => {
    const queues = [
      new FakeQueue('n', 1000),
      new FakeQueue('h', 50, { high: true }),
      new FakeQueue('l', 50, { live: true }),
    ];
    const one = bench(queues, { drainRate: 10, inflight: 5, live: 0.5 });
    const taken = one.next(110);
    expect([...taken].filter((name) => name === 'h')).toHaveLength(50);
    expect([...taken].filter((name) => name === 'l')).toHaveLength(50);
    expect([...taken].filter((name) => name === 'n')).toHaveLength(1);
  });

  test('after a stop no timer wakes the sender', () => {
    const one = bench([new FakeQueue('n', 1000)], { drainRate: 10, inflight: 5 });
    expect(one.next(2)).toBe('n-');
    one.scheduler.stop();
    vi.advanceTimersByTime(1000);
    expect(one.ready).toBe(0);
  });
});
