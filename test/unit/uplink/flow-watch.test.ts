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

  test('is limited by the drain rate', () => {
    const watch = watchAfter(10, (n) => ({ ...flow(0, 70, 1500)(n), drainRate: 10 }));
    expect(watch.eta(800)).toBe(80_000);
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

  test('is a plant that answers late', () => {
    expect(watchAfter(2, () => ({ queued: 5, answerMs: 9000 })).problem?.kind).toBe('late');
  });
});
