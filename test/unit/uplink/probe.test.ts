import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Probe } from '../../../src/uplink/probe.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function bench() {
  const sent: string[] = [];
  const events: string[] = [];
  let now = 0;
  const probe = new Probe({
    topic: 'probe',
    everyMs: 30_000,
    timeoutMs: 5000,
    publish: async (_topic, payload) => void sent.push(payload),
    monotonic: () => now,
    proven: () => events.push('proven'),
    lost: (topic) => events.push(`lost on ${topic}`),
  });
  const advance = (ms: number): void => {
    now += ms;
    vi.advanceTimersByTime(ms);
  };
  return { probe, sent, events, advance };
}

test('a message that returns is a proof; the next is sent `everyMs` later', () => {
  const { probe, sent, events, advance } = bench();
  probe.start();
  expect(probe.roundTrip).toBeNull();
  advance(12);
  probe.returned(sent[0]!);
  expect([events, probe.roundTrip]).toEqual([['proven'], 12]);
  advance(29_999);
  expect(sent).toHaveLength(1);
  advance(1);
  expect(sent).toHaveLength(2);
});

test('another message on the topic proves nothing', () => {
  const { probe, sent, events, advance } = bench();
  probe.start();
  probe.returned('another');
  advance(5000);
  expect(events).toEqual(['lost on probe']);
  probe.stop();
  probe.returned(sent[0]!);
  expect(events).toHaveLength(1);
});
