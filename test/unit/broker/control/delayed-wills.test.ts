import { describe, expect, test } from 'vitest';
import { DelayedWills } from '../../../../src/broker/control/delayed-wills.ts';
import type { StoredDelayedWill } from '../../../../src/store/recovery/load-state.ts';

const left = (delay: number): StoredDelayedWill => ({
  clientId: 'c',
  topic: 'will',
  qos: 1,
  retain: false,
  payload: Buffer.from('gone'),
  properties: Buffer.alloc(0),
  expiry: -1,
  delay,
  due: 0,
});

function start(delay: number, graceMs: number, sessionMs = Number.POSITIVE_INFINITY) {
  const published: string[] = [];
  let now = 1000;
  const wills = new DelayedWills({
    store: { journal: { add: () => undefined }, storedClock: { now: () => now } } as never,
    sessionMs: () => sessionMs,
    publish: (_will, clientId) => published.push(clientId),
  });
  wills.start([left(delay)], graceMs);
  const pass = (ms: number): void => {
    now += ms;
    wills.sweep();
  };
  return { wills, published, pass };
}

describe('the will of a client that was connected when the gateway died', () => {
  test('is published before the client can come back, where it has no delay', () => {
    const { wills, published, pass } = start(0, 0);
    expect(published).toEqual(['c']);
    wills.connected('c', undefined);
    pass(1);
    expect(published).toEqual(['c']);
  });

  test('is published at once where its session was to end with the connection', () => {
    expect(start(10, 0, 0).published).toEqual(['c']);
  });

  test.each([
    ['its delay', 10, 0, 10_000],
    ['the time that clients have after a clean stop', 0, 5000, 5000],
  ])('waits for %s', (_name, delay, graceMs, ms) => {
    const { published, pass } = start(delay, graceMs);
    pass(ms - 1);
    expect(published).toEqual([]);
    pass(1);
    expect(published).toEqual(['c']);
  });
});
