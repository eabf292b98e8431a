import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type TroubleEvent, TroubleLog } from '../../../src/base/trouble-log.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function createLog() {
  const { log, lines } = createQuietLog();
  const troubleLog = new TroubleLog(log, () => Date.now());
  const event = (name: string, cause = 'i2c-1 does not exist'): TroubleEvent => ({
    ...{ kind: 'sensor', name, cause, log },
    sentence: `sensor ${name}: ${cause}`,
  });
  return { troubleLog, lines, event };
}

test('what fails for one cause is one line with a count, what fails alone its own line', () => {
  const { troubleLog, lines, event } = createLog();
  for (let index = 0; index < 12; index++) troubleLog.began(event(`s${index}`));
  troubleLog.began(event('boiler', 'no answer from 0x48 on i2c-2'));
  vi.advanceTimersByTime(2000);
  expect(lines).toEqual([
    '12 sensors: i2c-1 does not exist',
    'sensor boiler: no answer from 0x48 on i2c-2',
  ]);
});

test('those that come one after the other are gathered for five seconds, and ten seconds after that for a line more', () => {
  const { troubleLog, lines, event } = createLog();
  for (let index = 0; index < 12; index++) {
    troubleLog.began(event(`s${index}`));
    vi.advanceTimersByTime(900);
  }
  expect(lines).toEqual(['6 sensors: i2c-1 does not exist']);
  vi.advanceTimersByTime(10_000);
  expect(lines.slice(1)).toEqual(['6 sensors: i2c-1 does not exist']);
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(2);
});

test('the end is one line with a count too', () => {
  const { troubleLog, lines, event } = createLog();
  for (const name of ['a', 'b']) troubleLog.ended(event(name, 'read again'));
  vi.advanceTimersByTime(2000);
  expect(lines).toEqual(['2 sensors: read again']);
});

test('what ends before its line is written has its line first', () => {
  const { troubleLog, lines, event } = createLog();
  const again = 'sensor b: read again';
  troubleLog.began(event('a'));
  vi.advanceTimersByTime(3000);
  // The cause was logged less than ten seconds ago.
  troubleLog.began(event('b'));
  vi.advanceTimersByTime(1000);
  troubleLog.ended(event('b', 'read again'));
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([
    'sensor a: i2c-1 does not exist',
    'sensor b: i2c-1 does not exist',
    again,
  ]);
  // What begins again after its end does not hold the end back.
  troubleLog.began(event('b'));
  vi.advanceTimersByTime(3000);
  troubleLog.ended(event('b', 'read again'));
  vi.advanceTimersByTime(500);
  troubleLog.began(event('b'));
  vi.advanceTimersByTime(60_000);
  expect(lines.slice(3)).toEqual([
    'sensor b: i2c-1 does not exist',
    again,
    'sensor b: i2c-1 does not exist',
  ]);
});

test('a stop logs what has been gathered', async () => {
  const { troubleLog, lines, event } = createLog();
  troubleLog.began(event('a'));
  troubleLog.ended(event('b', 'read again'));
  troubleLog.ended(event('a', 'read again'));
  await troubleLog.stop();
  expect(lines).toEqual(['sensor a: i2c-1 does not exist', '2 sensors: read again']);
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(2);
});
