import type { Logger } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ThrottledLog } from '../../../src/uplink/throttled-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function bench(burst = 1): { log: ThrottledLog; lines: string[] } {
  const lines: string[] = [];
  const write = (level: string) => (sentence: string) => lines.push(`${level} ${sentence}`);
  const logger = { info: write('info'), warn: write('warn') } as unknown as Logger;
  return { log: new ThrottledLog(logger, 1000, burst), lines };
}

test('the first sentence is logged at once, of later ones the latest', () => {
  const { log, lines } = bench();
  log.log('warn', 'down');
  log.log('info', 'up');
  log.log('warn', 'down again');
  expect(lines).toEqual(['warn down']);
  vi.advanceTimersByTime(1000);
  expect(lines).toEqual(['warn down', 'warn down again']);
});

test('no sentence is logged twice in a row', () => {
  const { log, lines } = bench();
  log.log('warn', 'down');
  log.log('info', 'up');
  log.log('warn', 'down');
  vi.advanceTimersByTime(1000);
  log.log('warn', 'down');
  vi.advanceTimersByTime(1000);
  log.log('info', 'up');
  expect(lines).toEqual(['warn down', 'info up']);
});

test('after a stop no sentence follows', () => {
  const { log, lines } = bench();
  log.log('warn', 'down');
  log.log('info', 'up');
  log.stop();
  vi.advanceTimersByTime(10_000);
  expect(lines).toEqual(['warn down']);
});

test('some sentences may follow at once, then again when it was quiet for long', () => {
  const { log, lines } = bench(2);
  for (const sentence of ['a', 'b', 'c']) log.log('warn', sentence);
  expect(lines).toEqual(['warn a', 'warn b']);
  vi.advanceTimersByTime(10_000);
  for (const sentence of ['d', 'e', 'f']) log.log('warn', sentence);
  expect(lines.slice(2)).toEqual(['warn c', 'warn d', 'warn e']);
});
