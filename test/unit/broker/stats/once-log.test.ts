import { expect, test } from 'vitest';
import { OnceLog } from '../../../../src/broker/stats/once-log.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

function setUp() {
  const { log, lines } = createQuietLog();
  let now = 0;
  const onceLog = new OnceLog(log, () => now);
  const turn = (ms: number) => {
    now += ms;
  };
  return { onceLog, lines, turn };
}

test('the same reason of the same client is logged once a minute', () => {
  const { onceLog, lines, turn } = setUp();
  onceLog.info('c', 'keepalive ran out');
  onceLog.info('c', 'keepalive ran out');
  expect(lines).toEqual(['connection closed']);
  onceLog.info('c', 'too many filters', 'subscription refused');
  onceLog.info('d', 'keepalive ran out');
  expect(lines).toEqual(['connection closed', 'subscription refused', 'connection closed']);
  turn(59_999);
  onceLog.info('c', 'keepalive ran out');
  expect(lines).toHaveLength(3);
  turn(1);
  onceLog.info('c', 'keepalive ran out');
  expect(lines).toHaveLength(4);
});

test('a client whose reason differs each time has ten lines a minute, then one with a count', () => {
  const { onceLog, lines, turn } = setUp();
  for (let i = 0; i < 1000; i++) onceLog.info('c', `a packet of ${i} bytes is too large`);
  expect(lines).toEqual(Array(10).fill('connection closed'));
  onceLog.sweep();
  expect(lines).toHaveLength(10);
  turn(60_000);
  onceLog.sweep();
  onceLog.sweep();
  expect(lines.slice(10)).toEqual(['more events of this client']);
  onceLog.info('c', 'a packet of 1 bytes is too large');
  expect(lines).toHaveLength(12);
});

test('all clients together have a thousand lines a minute, however often they change their names', () => {
  const { onceLog, lines, turn } = setUp();
  for (let i = 0; i < 5000; i++) onceLog.info(`client ${i}`, 'gone');
  onceLog.info('client 0', 'gone');
  expect(lines).toHaveLength(1000);
  turn(60_000);
  onceLog.sweep();
  expect(lines.slice(1000)).toEqual(['more events of other clients']);
});

test('a day of clients that come once each has lines within bounds, and a count of the others', () => {
  const { onceLog, lines, turn } = setUp();
  for (let minute = 0; minute < 1440; minute++) {
    for (let i = 0; i < 100; i++) onceLog.info(`client ${minute} ${i}`, 'gone');
    turn(60_000);
    onceLog.sweep();
  }
  // A thousand at once, then twenty a minute, and one for all others.
  expect(lines.length).toBeLessThanOrEqual(1000 + 21 * 1440);
  expect(lines.length).toBeLessThan(40_000);
});

test('many clients with many events each have no line each for what was left out', () => {
  const { onceLog, lines, turn } = setUp();
  for (let i = 0; i < 100; i++) {
    for (let n = 0; n < 20; n++) onceLog.info(`client ${i}`, `reason ${n}`);
  }
  expect(lines).toHaveLength(1000);
  turn(60_000);
  onceLog.sweep();
  expect(lines.length).toBeLessThanOrEqual(1000 + 21);
  expect(lines).toContain('more events of other clients');
});
