import { expect, test } from 'vitest';
import { Faults, shortTopic } from '../../../src/base/faults.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

function setUp() {
  const { log, records } = createQuietLog();
  let now = 1000;
  const faults = new Faults(log, () => now);
  return { faults, records, turn: (ms: number) => (now += ms) };
}

test('a fault is counted by its stage, gives a reason, and is a trouble for an hour', () => {
  const { faults, turn } = setUp();
  expect(faults.trouble()).toBeUndefined();
  const error = new RangeError('out of range');
  expect(faults.caught('send', 'sending "t" to uplink a', error)).toBe(
    'a fault of the gateway, sending "t" to uplink a: RangeError: out of range',
  );
  faults.caught('send', 'sending "u" to uplink a', error);
  expect(faults.counts).toMatchObject({ send: 2, receive: 0 });
  expect(faults.trouble()).toBe(
    'a fault of the gateway, 2 since the start, the last one sending "u" to uplink a: RangeError: out of range; what it was doing was set aside, all else continues',
  );
  turn(3_600_001);
  expect(faults.trouble()).toBeUndefined();
});

test('each kind is logged once a minute, with its stack, and all kinds together have 20 lines', () => {
  const { faults, records, turn } = setUp();
  for (let i = 0; i < 1000; i++) faults.caught('send', `sending ${i}`, new Error('same'));
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ stage: 'send', err: { message: 'same' } });
  for (let i = 0; i < 1000; i++) faults.caught('send', 'sending', new Error(`other ${i}`));
  expect(records).toHaveLength(20);
  turn(60_000);
  faults.caught('send', 'sending', new Error('same'));
  expect(records).toHaveLength(21);
  expect(records[20]).toMatchObject({ before: 1980 });
});

test('one of many that throws is passed on, and the others follow', () => {
  const { faults } = setUp();
  const failed: unknown[] = [];
  const done: number[] = [];
  const act = (n: number): void => {
    if (n % 2) throw new Error(`${n}`);
    done.push(n);
  };
  faults.each([0, 1, 2, 3, 4, 5], act, (n, error) => failed.push([n, String(error)]));
  expect(done).toEqual([0, 2, 4]);
  expect(failed).toEqual([
    [1, 'Error: 1'],
    [3, 'Error: 3'],
    [5, 'Error: 5'],
  ]);
});

test('a guarded function never throws', () => {
  const { faults } = setUp();
  faults.guard('feed', 'recording', () => {
    throw new Error('broken');
  })();
  expect(faults.counts.feed).toBe(1);
});

test('a hundred messages a minute are set aside for which nobody waits', () => {
  const { faults, turn } = setUp();
  const kept = () => Array.from({ length: 300 }, () => faults.mayKeep()).filter(Boolean).length;
  expect(kept()).toBe(100);
  turn(60_000);
  expect(kept()).toBe(100);
});

test('a topic in a sentence is short and has no control character', () => {
  expect(shortTopic('scan/\u0002A1')).toBe('"scan/\\u0002A1"');
  expect(shortTopic('a\u007fb\u009fc')).toBe('"a\\u007fb\\u009fc"');
  expect(shortTopic('x'.repeat(65_535))).toHaveLength(103);
});
