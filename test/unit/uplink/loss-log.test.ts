import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LossLog } from '../../../src/uplink/loss-log.ts';

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) }));
afterEach(() => void vi.useRealTimers());

function bench(): { log: LossLog; lines: string[] } {
  const lines: string[] = [];
  const log = new LossLog(
    {
      info: (sentence) => lines.push(`info ${sentence}`),
      warn: (sentence) => lines.push(`warn ${sentence}`),
    },
    () => Date.now(),
  );
  return { log, lines };
}

test('a loss is logged when it begins; its time and its length when it is back', () => {
  const { log, lines } = bench();
  log.lost('cut');
  expect(lines).toEqual(['warn cut']);
  vi.advanceTimersByTime(12_000);
  log.back('mqtt://plant', 12_000);
  expect(lines.slice(1)).toEqual([
    'info connected to mqtt://plant: messages flow again; the connection was lost at 2026-01-01T00:00:00.000Z for 12.0 s',
  ]);
});

test('losses that follow fast are one line with each of them', () => {
  const { log, lines } = bench();
  for (let n = 0; n < 3; n++) {
    log.lost(n === 1 ? 'reset' : 'cut');
    vi.advanceTimersByTime(1000);
    log.back('mqtt://plant', 1000);
    vi.advanceTimersByTime(500);
  }
  vi.advanceTimersByTime(10_000);
  expect(lines).toEqual([
    'warn cut',
    'info connected to mqtt://plant: messages flow again; the connection was lost at 2026-01-01T00:00:00.000Z for 1.0 s, at 2026-01-01T00:00:01.500Z for 1.0 s (reset), at 2026-01-01T00:00:03.000Z for 1.0 s (cut)',
  ]);
});

test('a loss that lasts is logged, however fast it followed another one', () => {
  const { log, lines } = bench();
  log.lost('cut');
  log.back('mqtt://plant', 0);
  log.lost('reset');
  vi.advanceTimersByTime(6000);
  expect(lines.at(-1)).toBe('warn reset');
});

test('a connection that was not lost is not back', () => {
  const { log, lines } = bench();
  expect([log.back('mqtt://plant', 0), lines]).toEqual([false, []]);
});

test('of many losses a hundred are listed', () => {
  const { log, lines } = bench();
  for (let n = 0; n < 150; n++) {
    log.lost('cut');
    log.back('mqtt://plant', 10);
  }
  log.stop();
  const listed = lines.join().split(' for 0.0 s').length - 1;
  expect([listed, lines.at(-1)?.endsWith('and 50 times more')]).toEqual([100, true]);
});
