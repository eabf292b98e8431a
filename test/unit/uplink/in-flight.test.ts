import { beforeEach, expect, test } from 'vitest';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { InFlight } from '../../../src/uplink/in-flight.ts';
import { FakeOwner, message } from '../../support/entries.ts';

let now: number;
let flight: InFlight;
let owner: FakeOwner;

beforeEach(() => {
  now = 1000;
  flight = new InFlight(() => now);
  owner = new FakeOwner(1);
});

/** Sends a message whose topic and payload have so many bytes; gives it with its packet identifier. */
function send(bytes: number): [packetId: number, entry: QueueEntry] {
  const entry = owner.entry(message('x'.repeat(bytes - 3)));
  flight.add(entry.seq, entry);
  return [entry.seq, entry];
}

test('counts messages and bytes from their sending to their acknowledgement', () => {
  const one = send(100);
  const two = send(50);
  expect([flight.size, flight.bytes, flight.first, flight.get(two[0])]).toEqual([
    2,
    150,
    one[1],
    two[1],
  ]);
  flight.remove(...one);
  expect([flight.size, flight.bytes, flight.first, flight.get(one[0])]).toEqual([
    1,
    50,
    two[1],
    undefined,
  ]);
});

test('a connection that ends gives what was in flight, in order, and nothing is in flight then', () => {
  const sent = [send(10), send(20), send(30)].map(([, entry]) => entry);
  expect(flight.disconnected()).toEqual(sent);
  expect([flight.size, flight.bytes, flight.first]).toEqual([0, 0, undefined]);
  expect(flight.disconnected()).toEqual([]);
});

test('nothing is unacknowledged with nothing in flight', () => {
  now += 60_000;
  expect([flight.unacknowledgedMs, flight.overdue(0)]).toEqual([0, 0]);
});

test('what is in flight waits since it was sent, not since the last acknowledgement', () => {
  flight.acknowledged();
  now += 60_000;
  send(10);
  now += 500;
  send(10);
  now += 500;
  expect(flight.unacknowledgedMs).toBe(1000);
});

test('each acknowledgement begins the wait anew', () => {
  send(10);
  const two = send(10);
  now += 700;
  flight.acknowledged();
  flight.remove(...two);
  now += 300;
  expect([flight.unacknowledgedMs, flight.size]).toEqual([300, 1]);
});

test('all of them are overdue when none was acknowledged for the time', () => {
  send(10);
  send(10);
  now += 999;
  expect(flight.overdue(1000)).toBe(0);
  now += 1;
  expect(flight.overdue(1000)).toBe(2);
});

test('16 KiB fill a line of which nothing is known', () => {
  send(16 * 1024 - 1);
  expect(flight.isFull).toBe(false);
  send(4);
  expect(flight.isFull).toBe(true);
});

test('two seconds of what the line takes fill it', () => {
  const one = send(20_000);
  now += 1000;
  flight.remove(...one);
  expect(flight.lineRate).toBe(20_000);
  send(39_999);
  expect(flight.isFull).toBe(false);
  send(4);
  expect(flight.isFull).toBe(true);
});

test('the rate that is seen in the socket counts until one is measured', () => {
  flight.observe(undefined, false);
  expect(flight.lineRate).toBeUndefined();
  flight.observe(5000, false);
  expect(flight.lineRate).toBe(5000);
  const one = send(10_000);
  now += 1000;
  flight.remove(...one);
  flight.observe(5000, false);
  expect(flight.lineRate).toBe(10_000);
});

test('one message is timed at a time, the next one when that is acknowledged', () => {
  const one = send(10_000);
  now += 400;
  const two = send(10_000);
  now += 600;
  flight.remove(...one);
  // Of the first one: ten thousand bytes in a second.
  expect(flight.lineRate).toBe(10_000);
  now += 600;
  flight.remove(...two);
  expect(flight.lineRate).toBe(10_000);
  const three = send(10_000);
  now += 500;
  flight.remove(...three);
  // Twice as fast, and one of two measurements.
  expect(flight.lineRate).toBeGreaterThan(12_000);
  expect(flight.lineRate).toBeLessThan(18_000);
});

test('the sample has what is needed to judge the flow', () => {
  const one = send(10_000);
  now += 1000;
  flight.acknowledged();
  flight.remove(...one);
  send(5000);
  now += 250;
  expect(flight.sample).toEqual({
    inFlightBytes: 5000,
    unacknowledgedMs: 250,
    answerMs: 1000,
    lineRate: 10_000,
    slackMs: 1000,
  });
  now += 1000;
  expect(flight.sample).toMatchObject({ unacknowledgedMs: 1250, answerMs: 1250 });
  flight.disconnected();
  expect(flight.sample).toMatchObject({ inFlightBytes: 0, unacknowledgedMs: 0, answerMs: 0 });
});
