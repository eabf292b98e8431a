import { describe, expect, test } from 'vitest';
import { type FlowState, FlowWatch } from '../../../src/uplink/flow-watch.ts';

const QUIET: FlowState = {
  connected: true,
  arrived: 0,
  arrivedBytes: 0,
  sent: 0,
  sentBytes: 0,
  queued: 0,
  queuedBytes: 0,
  inFlightBytes: 0,
  unacknowledgedMs: 0,
  undeliveredMs: 0,
  answerMs: 5,
  lineRate: 100_000,
  slackMs: 0,
  drainRate: undefined,
};

/** A watch after so many seconds, with the state of each second. */
function watchAfter(seconds: number, stateAt: (second: number) => Partial<FlowState>): FlowWatch {
  const watch = new FlowWatch();
  for (let n = 0; n <= seconds; n++) watch.sample({ ...QUIET, ...stateAt(n) }, n * 1000);
  return watch;
}

/** Messages of 1000 bytes: so many a second arrive and are sent, from a backlog. */
const flow = (arriving: number, sending: number, backlog: number) => (n: number) => ({
  arrived: arriving * n,
  arrivedBytes: arriving * n * 1000,
  sent: sending * n,
  sentBytes: sending * n * 1000,
  queued: backlog + (arriving - sending) * n,
  queuedBytes: (backlog + (arriving - sending) * n) * 1000,
});

describe('the time until the queue is empty', () => {
  test('counts what arrives meanwhile', () => {
    const watch = watchAfter(10, flow(20, 70, 1500));
    expect([watch.rate, watch.eta(1000)]).toEqual([70, 20_000]);
  });

  test('is not known while as much arrives as is sent, and while the connection is down', () => {
    expect(watchAfter(10, flow(20, 20, 500)).eta(500)).toBeNull();
    const down = watchAfter(10, (n) => ({ ...flow(0, 70, 1500)(n), connected: n < 10 }));
    expect([down.eta(800), down.rate]).toEqual([null, 0]);
  });

  test('is that of the last seconds: an earlier rate does not count', () => {
    const watch = watchAfter(20, (n) =>
      n < 10 ? flow(0, 500, 10_000)(n) : { sent: 5000, queued: 5 },
    );
    expect(watch.rate).toBe(0);
  });

  test('follows the bytes of a large message on its way', () => {
    const watch = watchAfter(10, (n) => ({
      ...{ queued: 1, queuedBytes: 900_000, inFlightBytes: 900_000, lineRate: 5000 },
      unacknowledgedMs: n * 1000,
    }));
    expect(watch.eta(1)).toBe(170_000);
  });

  test('counts a large message over the time that it took, also after its acknowledgement', () => {
    // 5000 bytes a second: 20 s of small messages, 60 s of a large one, and small ones again.
    const sentAt = (n: number) => (n < 20 ? n : n < 80 ? 20 : n) * 5000;
    const at = (n: number) => ({
      ...{ queued: 100, sentBytes: sentAt(n), queuedBytes: 1_000_000 - sentAt(n) },
      ...{ inFlightBytes: n >= 20 && n < 80 ? 300_000 : 10_000, lineRate: 9000 },
      unacknowledgedMs: n >= 20 && n < 80 ? (n - 20) * 1000 : 0,
    });
    for (const n of [19, 21, 40, 79, 80, 81, 83, 86, 90]) {
      expect([n, watchAfter(n, at).eta(100)]).toEqual([n, 200_000 - n * 1000]);
    }
  });

  test('does not take a burst in one second for what arrives in the next ones', () => {
    const steady = flow(20, 70, 3000);
    const watch = watchAfter(10, (n) => {
      const state = steady(n);
      const more = n >= 8 ? 900_000 : 0;
      return {
        ...state,
        arrivedBytes: state.arrivedBytes + more,
        queuedBytes: state.queuedBytes + more,
      };
    });
    expect(watch.eta(1000)).toBe((2_500_000 + 900_000) / 50);
    // Every second one with a message is no burst.
    const everySecond = watchAfter(10, (n) => ({
      ...flow(0, 70, 3000)(n),
      arrivedBytes: Math.ceil(n / 2) * 40_000,
    }));
    expect(everySecond.eta(1000)).toBe(Math.round((2_300_000 / (70_000 - 16_000)) * 1000));
  });

  test('follows a line that has become slower than what is in flight would need', () => {
    const watch = watchAfter(60, (n) => ({
      ...{ queued: 2, queuedBytes: 400_000, inFlightBytes: 300_000, lineRate: 20_000 },
      unacknowledgedMs: n * 1000,
    }));
    // At most 5000 bytes a second have passed, so that the rest takes 20 s.
    expect(watch.eta(2)).toBe(20_000);
  });

  test('is that of the line where messages did not wait before: what arrived then is not what it takes', () => {
    const watch = watchAfter(12, (n) => ({
      ...{ ...flow(20, 20, 1)(n), lineRate: 100_000, inFlightBytes: 1000 },
      queuedBytes: n < 11 ? 1000 : 401_000,
    }));
    expect(watch.eta(400)).toBe(Math.round(401_000 / 80));
  });

  test('does not wait for what arrives while all is in flight', () => {
    const watch = watchAfter(10, (n) => ({
      ...{ arrivedBytes: 20_000 * n, sentBytes: 20_000 * n, queued: 2 },
      ...{ queuedBytes: 2000, inFlightBytes: 2000, lineRate: undefined },
    }));
    expect(watch.eta(2)).toBe(100);
  });

  test('is limited by the drain rate, less what arrives', () => {
    const slow = (arriving: number) => (n: number) => ({
      ...flow(arriving, 70, 1500)(n),
      drainRate: 10,
    });
    expect(watchAfter(10, slow(0)).eta(800)).toBe(80_000);
    expect(watchAfter(10, slow(6)).eta(800)).toBe(200_000);
    expect(watchAfter(10, slow(10)).eta(800)).toBeNull();
  });
});

describe('a problem', () => {
  test('is not a quiet connection', () => {
    expect(watchAfter(100, () => ({})).problem).toBeUndefined();
    expect(watchAfter(100, flow(20, 20, 5)).problem).toBeUndefined();
  });

  test('is a queue that has grown for a minute, until it does not', () => {
    const growing = flow(20, 10, 5);
    expect(watchAfter(59, growing).problem).toBeUndefined();
    const watch = watchAfter(61, growing);
    expect(watch.problem?.kind).toBe('growing');
    for (let n = 62; n < 72; n++) watch.sample({ ...QUIET, ...flow(0, 10, 1225)(n) }, n * 1000);
    expect(watch.problem).toBeUndefined();
  });

  test.each([
    ['nothing flows: neither acknowledged nor delivered', 7000, 7000, 'stalled'],
    ['bytes move', 7000, 500, undefined],
    ['for some seconds', 6000, 6000, undefined],
  ])('is a wait in which %s', (_, unacknowledgedMs, undeliveredMs, kind) => {
    const watch = watchAfter(2, () => ({
      ...{ queued: 3, queuedBytes: 300, inFlightBytes: 300, unacknowledgedMs, undeliveredMs },
    }));
    expect(watch.problem?.kind).toBe(kind);
  });

  test('is a large message on a slow line, which is not a stalled one', () => {
    const watch = watchAfter(2, () => ({
      ...{ queued: 1, inFlightBytes: 300_000, lineRate: 5000, slackMs: 50_000 },
      ...{ unacknowledgedMs: 20_000, undeliveredMs: 10_000 },
    }));
    expect(watch.problem).toEqual({
      kind: 'slow',
      sentence: expect.stringContaining('300 kB take about 60 s at 5 kB/s'),
    });
  });

  test.each([
    [7999, undefined],
    [8000, 'late'],
  ])('is a plant that answers late: %s ms', (answerMs, kind) => {
    expect(watchAfter(2, () => ({ queued: 5, answerMs })).problem?.kind).toBe(kind);
  });

  test.each([
    // 16 KiB, 2 s on their way, and 5 s that they take.
    [{ inFlightBytes: 16 * 1024, unacknowledgedMs: 2001, lineRate: 3000 }, 'slow'],
    [{ inFlightBytes: 16 * 1024 - 1, unacknowledgedMs: 2001, lineRate: 3000 }, undefined],
    [{ inFlightBytes: 16 * 1024, unacknowledgedMs: 2000, lineRate: 3000 }, undefined],
    [{ inFlightBytes: 20_000, unacknowledgedMs: 2001, lineRate: 4000 }, undefined],
    [{ inFlightBytes: 20_000, unacknowledgedMs: 2001, lineRate: 3999 }, 'slow'],
    // Nothing is known about the line: what it has taken up to now.
    [{ inFlightBytes: 20_000, unacknowledgedMs: 5000, lineRate: undefined }, undefined],
    [{ inFlightBytes: 20_000, unacknowledgedMs: 5001, lineRate: undefined }, 'slow'],
  ])('is a slow line: %j, %s', (state, kind) => {
    const watch = watchAfter(2, () => ({ queued: 1, queuedBytes: 20_000, ...state }));
    expect(watch.problem?.kind).toBe(kind);
    if (kind) expect(watch.problem?.sentence).toMatch(/the connection is slow: (16|20) kB /);
  });

  test('says that a large message is on its way while the line is not known', () => {
    const state = { inFlightBytes: 20_000, unacknowledgedMs: 6000, lineRate: undefined };
    const watch = watchAfter(2, () => ({ queued: 1, ...state }));
    expect(watch.problem?.sentence).toContain('20 kB are on their way');
  });

  test('is not while the connection is down, or nothing waits', () => {
    const late = { queued: 5, answerMs: 9000 };
    expect(watchAfter(2, () => ({ ...late, connected: false })).problem).toBeUndefined();
    expect(watchAfter(2, () => ({ ...late, queued: 0 })).problem).toBeUndefined();
  });

  test('is not a queue that grows only in bursts, or that has stopped to grow', () => {
    const bytes = (at: (second: number) => number) =>
      watchAfter(61, (n) => ({ queued: 1, queuedBytes: at(n) })).problem?.kind;
    expect(bytes((n) => n * 100)).toBe('growing');
    expect(bytes((n) => (n < 30 ? n : 60 - n) * 100)).toBeUndefined();
    expect(bytes((n) => (n < 55 ? n * 100 : 0))).toBeUndefined();
    expect(bytes(() => 100)).toBeUndefined();
  });
});
