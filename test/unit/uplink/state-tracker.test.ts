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
    losses: {
      lost: (cause) => void lines.push(`lost ${cause}`),
      back: (url, ms) => {
        const isBack = lines.some((line) => line.startsWith('lost'));
        if (isBack) lines.push(`back ${url} ${ms}`);
        return isBack;
      },
    },
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

test('a connection that was proved is lost, and back after a time', () => {
  const one = bench();
  one.tracker.to('connected', null);
  one.tracker.to('down', 'cut');
  one.now += 2000;
  one.tracker.to('down', 'nothing listens there');
  one.now += 300;
  one.tracker.to('connected', null);
  expect(one.lines.slice(1)).toEqual([
    'lost cut',
    'lost nothing listens there',
    'back mqtt://plant 2300',
  ]);
});

test('a connection that ends at a message is logged each time', () => {
  const { tracker, lines } = bench();
  tracker.to('proving', 'waiting');
  tracker.to('down', 'cut', '; suspected: a');
  expect(lines).toEqual(['lost cut; suspected: a']);
});

test('a connection that is lost three times a minute is reported until it holds', () => {
  const { tracker } = bench();
  for (let n = 0; n < 3; n++) {
    expect(tracker.flapping).toBeUndefined();
    tracker.to('connected', null);
    tracker.to('down', 'cut');
  }
  expect(tracker.flapping).toContain('lost 3 times in the last minute');
});

test('of a problem of one kind only the first sentence is logged', () => {
  const { tracker, lines } = bench();
  tracker.report('flow', 'slow: 5 s', 'slow');
  tracker.report('flow', 'slow: 6 s', 'slow');
  expect([lines, tracker.status.reason]).toEqual([['warn slow: 5 s'], 'slow: 6 s']);
  tracker.report('flow', false);
  tracker.report('flow', 'slow: 7 s', 'slow');
  expect(lines).toHaveLength(2);
});
