import { beforeEach, describe, expect, test } from 'vitest';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { PoisonMessageDetector } from '../../../src/uplink/poison-message.ts';
import { FakeOwner, message } from '../../support/entries.ts';

let detector: PoisonMessageDetector;
const owner = new FakeOwner(1);
const one = owner.entry(message('one'));
const two = owner.entry(message('two'));

beforeEach(() => {
  detector = new PoisonMessageDetector();
});

/** A connection that acknowledged the status message and then ended with these in flight. */
function ended(...inFlight: QueueEntry[]): QueueEntry | undefined {
  detector.connected();
  detector.connectionWorks();
  return detector.disconnected(inFlight);
}

test('after two such connections messages go one at a time; three more find the message', () => {
  ended(one, two);
  expect(detector.suspected).toBe(false);
  ended(one, two);
  expect(detector.suspected).toBe(true);
  expect([ended(one), ended(one), ended(one)]).toEqual([undefined, undefined, one]);
  expect(detector.suspected).toBe(false);
});

test('with several in flight none is the reason', () => {
  expect([1, 2, 3, 4, 5, 6].map(() => ended(one, two))).toEqual(new Array(6).fill(undefined));
});

describe('a connection is no proof', () => {
  test.each([
    ['without the acknowledgement of the status message', () => detector.connected(), [one]],
    [
      'after an acknowledgement of a message',
      () => {
        detector.connected();
        detector.connectionWorks();
        detector.acknowledged();
      },
      [one],
    ],
    [
      'with nothing in flight',
      () => {
        detector.connected();
        detector.connectionWorks();
      },
      [],
    ],
  ])('%s', (_, connect, inFlight) => {
    for (let n = 0; n < 10; n++) {
      connect();
      expect(detector.disconnected(inFlight)).toBeUndefined();
    }
    expect(detector.suspected).toBe(false);
  });
});

test('an acknowledgement ends the suspicion', () => {
  for (let n = 0; n < 4; n++) ended(one);
  detector.connected();
  detector.acknowledged();
  expect(detector.suspected).toBe(false);
  expect(ended(one)).toBeUndefined();
});
