import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KeptWills } from '../../../../src/broker/control/kept-wills.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const GRACE_MS = 60_000;
const ASSIGNED = 'aedes_0f2b7a52-3b1e-4c58-9d0a-0123456789ab';

/** Wills by `client topic`, over topics on which a message can be published. */
function start(graceMs: number, ...left: string[]) {
  const lines: string[] = [];
  const watchers = new Map<string, Set<() => void>>();
  const publish = (topic: string): void => {
    for (const each of [...(watchers.get(topic) ?? [])]) each();
  };
  const wills = new KeptWills({
    publish: ({ topic, payload }) => {
      lines.push(`${topic} ${Buffer.from(payload)}`);
      publish(topic);
    },
    forget: (clientId) => lines.push(`forget ${clientId}`),
    watch(topic, published) {
      const all = watchers.get(topic) ?? new Set();
      watchers.set(topic, all.add(published));
      return () => all.delete(published);
    },
  });
  const parsed = left.map((each) => {
    const [clientId, topic] = each.split(' ') as [string, string];
    return {
      clientId,
      topic,
      payload: Buffer.from(`off ${clientId}`),
      qos: 1,
      retain: true,
    } as const;
  });
  wills.start(parsed, graceMs);
  const watched = (): number => [...watchers.values()].reduce((sum, { size }) => sum + size, 0);
  return { wills, lines, publish, watched };
}

describe('after a clean stop', () => {
  test('a will whose client stays away is published once the time is over', () => {
    const { lines, watched } = start(GRACE_MS, 'a status/a', 'b status/b');
    vi.advanceTimersByTime(GRACE_MS - 1);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(lines).toEqual(['status/a off a', 'forget a', 'status/b off b', 'forget b']);
    expect(watched()).toBe(0);
  });

  test('a message of its topic makes a will void, those of other topics still wait', () => {
    const { lines, publish, watched } = start(GRACE_MS, 'a status/a', 'b status/b');
    publish('status/a');
    expect(lines).toEqual(['forget a']);
    publish('status/a');
    vi.advanceTimersByTime(GRACE_MS);
    expect(lines).toEqual(['forget a', 'status/b off b', 'forget b']);
    expect(watched()).toBe(0);
  });

  test('a client that comes back makes its will void', () => {
    const { wills, lines, watched } = start(GRACE_MS, 'a status/a');
    wills.drop('a');
    wills.drop('a');
    vi.advanceTimersByTime(GRACE_MS);
    expect(lines).toEqual(['forget a']);
    expect(watched()).toBe(0);
  });

  test('two wills of one topic do not make each other void', () => {
    const { lines } = start(GRACE_MS, 'a status', 'b status');
    vi.advanceTimersByTime(GRACE_MS);
    expect(lines).toEqual(['status off a', 'forget a', 'status off b', 'forget b']);
  });

  test('an id that the broker has assigned is not waited for, and voids no will that waits', () => {
    const { lines } = start(GRACE_MS, 'a status', `${ASSIGNED} status`, 'aedes_1 other');
    expect(lines).toEqual([`status off ${ASSIGNED}`, `forget ${ASSIGNED}`]);
    vi.advanceTimersByTime(GRACE_MS);
    expect(lines.slice(2)).toEqual([
      'status off a',
      'forget a',
      'other off aedes_1',
      'forget aedes_1',
    ]);
  });

  test('a stop keeps on disk what still waits', () => {
    const { wills, lines } = start(GRACE_MS, 'a status');
    wills.stop();
    vi.advanceTimersByTime(GRACE_MS);
    expect(lines).toEqual([]);
  });
});

test('after a crash all are published at once', () => {
  const { lines, watched } = start(0, 'a status', 'b status');
  expect(lines).toEqual(['status off a', 'forget a', 'status off b', 'forget b']);
  expect(watched()).toBe(0);
});
