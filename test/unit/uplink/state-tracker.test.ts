import { expect, test } from 'vitest';
import { StateTracker } from '../../../src/uplink/state-tracker.ts';
import type { ThrottledLog } from '../../../src/uplink/throttled-log.ts';

function bench() {
  const lines: string[] = [];
  const one = { now: 1000, changes: 0, lines };
  const log = {
    log: (level: string, sentence: string) => lines.push(`${level} ${sentence}`),
  } as unknown as ThrottledLog;
  const tracker = new StateTracker('mqtt://plant', {
    log,
    changed: () => one.changes++,
    monotonic: () => one.now,
  });
  return Object.assign(one, { tracker });
}

test('the status has the state, its age and its reason', () => {
  const one = bench();
  one.tracker.to('proving', 'waiting');
  one.now += 500;
  one.tracker.to('proving', 'still waiting');
  expect(one.tracker.status).toEqual({
    state: 'proving',
    url: 'mqtt://plant',
    since: 500,
    reason: 'still waiting',
  });
  one.tracker.to('connected', null);
  expect(one.tracker.status).toMatchObject({ state: 'connected', since: 0, reason: null });
  expect(one.changes).toBe(2);
});

test('`connected` and the reason of `down` are logged', () => {
  const { tracker, lines } = bench();
  tracker.to('connecting', null);
  tracker.to('down', 'nothing listens there');
  tracker.to('proving', 'waiting');
  tracker.to('connected', null);
  tracker.to('stopped', null);
  expect(lines).toEqual([
    'warn nothing listens there',
    'info connected to mqtt://plant: messages flow',
  ]);
});

test('a problem is logged once and is the reason until it ends', () => {
  const { tracker, lines } = bench();
  tracker.to('connected', null);
  tracker.report('routes', 'refuses a/#');
  tracker.report('routes', 'refuses a/#');
  tracker.report('status', 'does not take it');
  expect(tracker.status.reason).toBe('refuses a/#; does not take it');
  expect(lines.slice(1)).toEqual(['warn refuses a/#', 'warn does not take it']);
  tracker.report('routes', false);
  expect([tracker.has('routes'), tracker.has('status')]).toEqual([false, true]);
  tracker.clearProblems();
  expect(tracker.status.reason).toBeNull();
});
