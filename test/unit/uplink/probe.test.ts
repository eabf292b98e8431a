import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Probe } from '../../../src/uplink/probe.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function bench(everyMs = 30_000) {
  const sent: string[] = [];
  const events: string[] = [];
  const behind = { now: false, slackMs: 0 };
  let now = 0;
  const probe = new Probe({
    topic: 'probe',
    everyMs: () => everyMs,
    timeoutMs: 5000,
    publish: async (_topic, payload) => void sent.push(payload),
    monotonic: () => now,
    slackMs: () => behind.slackMs,
    isBehind: () => behind.now,
    proven: () => events.push('proven'),
    lost: (topic) => events.push(`lost on ${topic}`),
    foreign: () => events.push('foreign'),
  });
  const advance = (ms: number): void => {
    now += ms;
    vi.advanceTimersByTime(ms);
  };
  return { probe, sent, events, advance, behind };
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
  expect(events).toEqual(['foreign', 'lost on probe']);
  probe.stop();
  probe.returned(sent[0]!);
  probe.returned('another');
  expect(events).toHaveLength(2);
});

test('the message that deletes what a bridge has retained is not of another gateway', () => {
  const { probe, sent, events } = bench();
  probe.start();
  expect(probe.returned('')).toBe(false);
  expect(probe.returned(sent[0]!)).toBe(true);
  expect(probe.returned('')).toBe(false);
  expect(events).toEqual(['proven']);
});

test('an earlier message of this gateway is not of another one', () => {
  const { probe, sent, events } = bench();
  probe.start();
  probe.returned(sent[0]!);
  probe.returned(sent[0]!);
  expect(events).toEqual(['proven']);
});

test('the next message can be sent soon, a second after the last one', () => {
  const { probe, sent, advance } = bench();
  probe.soon();
  expect(sent).toHaveLength(0);
  probe.start();
  probe.soon();
  advance(200);
  probe.returned(sent[0]!);
  probe.soon();
  advance(799);
  expect(sent).toHaveLength(1);
  advance(1);
  expect(sent).toHaveLength(2);
});

test('a message behind a large one that moves has more time', () => {
  const { probe, events, advance, behind } = bench();
  [behind.now, behind.slackMs] = [true, 1000];
  probe.start();
  advance(6000);
  behind.now = false;
  advance(5999);
  expect(events).toEqual([]);
  advance(1);
  expect(events).toEqual(['lost on probe']);
});
