import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RoundTrips } from '../../../src/uplink/round-trips.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A plant that keeps what is sent to it, or fails. */
function setUp(fails = false) {
  const sent: string[][] = [];
  const trips = new RoundTrips();
  const plant = {
    publish: async (topic: string, id: string, qos: number, retain: boolean) => {
      sent.push([topic, id, `${qos} ${retain}`]);
      if (fails) throw new Error('ended');
    },
  };
  const results: boolean[] = [];
  const send = async (topic: string) => {
    void trips.comesBack(plant, topic).then((back) => results.push(back));
    await vi.advanceTimersByTimeAsync(0);
  };
  return { trips, sent, send, results };
}

test('the message that was sent comes back; another one is not it', async () => {
  const { trips, sent, send, results } = setUp();
  await send('t');
  expect(sent[0]).toEqual(['t', expect.stringMatching(/^.{36}$/), '0 false']);
  trips.returned('another');
  await vi.advanceTimersByTimeAsync(4999);
  expect(results).toEqual([]);
  trips.returned(sent[0]![1]!);
  await vi.advanceTimersByTimeAsync(0);
  expect(results).toEqual([true]);
});

test('5 s without it are an answer too', async () => {
  const { trips, sent, send, results } = setUp();
  await send('t');
  await vi.advanceTimersByTimeAsync(5000);
  expect(results).toEqual([false]);
  // One that is late is nothing any more.
  trips.returned(sent[0]![1]!);
  expect(vi.getTimerCount()).toBe(0);
});

test('two on their way are told apart', async () => {
  const { trips, sent, send, results } = setUp();
  await send('one');
  await vi.advanceTimersByTimeAsync(3000);
  await send('two');
  await vi.advanceTimersByTimeAsync(2000);
  expect(results).toEqual([false]);
  trips.returned(sent[1]![1]!);
  await vi.advanceTimersByTimeAsync(0);
  expect(results).toEqual([false, true]);
});

test('with the end of the connection none comes back', async () => {
  const { trips, send, results } = setUp();
  await send('one');
  await send('two');
  trips.stop();
  await vi.advanceTimersByTimeAsync(0);
  expect([results, vi.getTimerCount()]).toEqual([[false, false], 0]);
});

test('one that can not be sent does not come back', async () => {
  const { send, results } = setUp(true);
  await send('t');
  expect([results, vi.getTimerCount()]).toEqual([[false], 0]);
});
