import { expect, test } from 'vitest';
import { LineWatch } from '../../../src/uplink/line-watch.ts';
import { queueIn } from '../../../src/uplink/socket-progress.ts';

test('bytes that move in one direction are not those of the other', () => {
  const watch = new LineWatch(0);
  watch.delivered({ delivered: 0, waiting: 9000 }, 500);
  watch.delivered({ delivered: 1000, waiting: 8000 }, 1000);
  watch.received(5, 3000);
  watch.delivered({ delivered: 900, waiting: 8100 }, 4000);
  watch.received(5, 4000);
  expect([watch.silentMs(5000), watch.undeliveredMs(5000)]).toEqual([2000, 4000]);
});

test('a ping that arrives is no message that moves', () => {
  const watch = new LineWatch(0);
  watch.delivered({ delivered: 10, waiting: 0 }, 1000);
  watch.delivered({ delivered: 12, waiting: 0 }, 2000);
  expect(watch.undeliveredMs(3000)).toBe(3000);
});

test('the rate is that of the bytes that wait', () => {
  const watch = new LineWatch(0);
  watch.delivered({ delivered: 100, waiting: 300_000 }, 1000);
  expect(watch.rate(3999)).toBeUndefined();
  watch.delivered({ delivered: 20_100, waiting: 280_000 }, 5000);
  expect(watch.rate(5000)).toBe(5000);
  watch.delivered({ delivered: 300_100, waiting: 0 }, 60_000);
  expect(watch.rate(60_000)).toBeUndefined();
});

test('there is no rate while so little waits, or none of it moves', () => {
  const watch = new LineWatch(0);
  watch.delivered({ delivered: 0, waiting: 1000 }, 1000);
  watch.delivered({ delivered: 0, waiting: 1000 }, 5000);
  expect(watch.rate(5000)).toBeUndefined();
  watch.delivered({ delivered: 488, waiting: 512 }, 5000);
  expect(watch.rate(5000)).toBeUndefined();
  watch.delivered({ delivered: 400, waiting: 513 }, 9000);
  watch.delivered({ delivered: 888, waiting: 513 }, 13_000);
  expect(watch.rate(13_000)).toBe(122);
});

test('the send queue of a connection is found in the table of the kernel', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid',
    '   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0',
    '   1: 0100007F:C001 0100007F:075B 01 00011170:00000000 01:00000014 00000000     0',
  ].join('\n');
  expect(queueIn(table, 0xc001, 0x075b)).toBe(70_000);
  expect(queueIn(table, 0xc002, 0x075b)).toBeUndefined();
});
