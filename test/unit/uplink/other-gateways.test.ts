import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OtherGateways } from '../../../src/uplink/other-gateways.ts';

let calls: string[];
let others: OtherGateways;

beforeEach(() => {
  vi.useFakeTimers();
  create();
});
afterEach(() => void vi.useRealTimers());

function create(probe = 30_000): void {
  calls = [];
  others = new OtherGateways({
    config: { clientId: 'cell-plant', status: 'cell/status', probe },
    report: (problem, sentence) => void calls.push(`${problem}: ${sentence}`),
    probeSoon: () => void calls.push('probe soon'),
    publishOnline: () => void calls.push('online'),
  });
}

const TWIN =
  'twin: mqtt://plant: another gateway uses cell/status there too; its readings and its state mix with ours: give each gateway its own cell name';
const TAKEOVER =
  'connections end again and again while all works: is another gateway connected with the client id cell-plant? Each needs its own';

/** A connection that works and that the plant closes without a reason. */
const cut = (upMs = 5000) => others.ended({ url: 'mqtt://plant', reached: 'session' }, true, upMs);

describe('another gateway with the same topics', () => {
  test('is reported with its second probe, and both probe more often', () => {
    others.up('mqtt://plant');
    others.seen();
    expect([calls.splice(0), others.probeMs]).toEqual([['probe soon'], 30_000]);
    vi.advanceTimersByTime(9000);
    others.seen();
    expect([calls.splice(0), others.probeMs]).toEqual([[TWIN, 'probe soon'], 3000]);
    vi.advanceTimersByTime(9000);
    others.seen();
    expect(calls).toEqual([]);
  });

  test('is gone 10 s after its last probe; then the state is published again', () => {
    others.up('mqtt://plant');
    for (let n = 0; n < 3; n++) others.seen();
    calls.length = 0;
    vi.advanceTimersByTime(9999);
    expect(calls).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([calls, others.probeMs]).toEqual([['twin: false', 'online'], 30_000]);
  });

  test('was not there if one late probe came', () => {
    others.seen();
    vi.advanceTimersByTime(20_000);
    others.seen();
    expect(calls).toEqual(['probe soon', 'probe soon']);
  });

  test('does not make probes rarer', () => {
    create(1000);
    for (let n = 0; n < 2; n++) others.seen();
    expect(others.probeMs).toBe(1000);
  });

  test('is not looked for after the end of the connection', () => {
    for (let n = 0; n < 2; n++) others.seen();
    calls.length = 0;
    others.stop();
    vi.advanceTimersByTime(60_000);
    expect([calls, vi.getTimerCount()]).toEqual([[], 0]);
  });
});

describe('another gateway with the same client id', () => {
  test('is supposed after three connections that worked and were cut', () => {
    expect([cut(), cut()]).toEqual(
      Array.from({ length: 2 }, () => 'mqtt://plant cut the connection'),
    );
    expect(cut()).toBe(`mqtt://plant cut the connection; ${TAKEOVER}`);
  });

  test('shows in the next connection until that has lasted for 90 s', () => {
    for (let n = 0; n < 2; n++) cut();
    others.up('mqtt://plant');
    expect(calls).toEqual([]);
    cut();
    others.up('mqtt://plant');
    expect(calls.splice(0)).toEqual([`takeover: ${TAKEOVER}`]);
    vi.advanceTimersByTime(89_999);
    expect(calls).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(calls).toEqual(['takeover: false']);
  });

  test('leaves no timer after the end of the connection', () => {
    for (let n = 0; n < 3; n++) cut();
    others.up('mqtt://plant');
    others.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
