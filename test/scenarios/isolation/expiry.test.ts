import { afterEach, describe, expect, test } from 'vitest';
import type { SomeLimits } from '../../support/broker.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { RawClient } from '../../support/raw-client.ts';
import { type InProcess, startInProcess } from '../model/bench.ts';

const HOUR = 3_600_000;
const benches: InProcess[] = [];

afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.dispose();
});

async function start(limits: SomeLimits) {
  const clock = createManualClock();
  const bench = await startInProcess(limits, clock);
  benches.push(bench);
  const connect = async (clientId: string, clean = false): Promise<RawClient> =>
    (await RawClient.open('tcp', bench.port)).connect({ clientId, clean });
  /** A persistent session with a subscription whose client has gone. */
  const leave = async (clientId: string, filter = 'a'): Promise<void> => {
    const client = await connect(clientId);
    await client.subscribe([filter, 1]);
    await client.disconnect();
  };
  const publish = async (...payloads: readonly string[]): Promise<void> => {
    const client = await connect('publisher', true);
    for (const payload of payloads) await client.publish('a', payload, { qos: 1 });
    await client.disconnect();
  };
  /** As many sweeps as it takes until the condition holds, with turns of the event loop between them. */
  const sweepUntil = async (condition: () => boolean): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!condition() && Date.now() < deadline) {
      bench.broker.sweep();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(condition()).toBe(true);
  };
  return { clock, bench, connect, leave, publish, sweepUntil };
}

describe('sessions expire', () => {
  test('a session ends when its client has stayed away for as long as sessionExpiry, and no sooner', async () => {
    const { clock, bench, connect, leave, publish } = await start({ sessionExpiry: 10 * HOUR });
    await leave('s');
    await publish('1', '2');
    await clock.advance(10 * HOUR);
    bench.broker.sweep();
    expect(bench.broker.counts).toMatchObject({ sessions: 1, queued: 2, dropped: 0 });
    await clock.advance(1);
    bench.broker.sweep();
    expect(bench.broker.counts).toMatchObject({ sessions: 0, queued: 0, dropped: 2 });
    await bench.restart();
    expect((await connect('s')).connack.sessionPresent).toBe(false);
  });

  test('a session with a client never expires, and is counted anew when it goes', async () => {
    const { clock, bench, connect } = await start({ sessionExpiry: 10 * HOUR });
    const client = await connect('s');
    await clock.advance(100 * HOUR);
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBe(1);
    await client.disconnect();
    await clock.advance(9 * HOUR);
    bench.broker.sweep();
    const again = await connect('s');
    expect(again.connack.sessionPresent).toBe(true);
    again.destroy();
  });

  test('time away while the gateway was off counts', async () => {
    const { clock, bench, leave } = await start({ sessionExpiry: 10 * HOUR });
    await leave('s');
    await bench.restart();
    await bench.crash(() => clock.setWall(clock.wall() + 9 * HOUR));
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBe(1);
    await clock.advance(HOUR + 1);
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBe(0);
  });

  test('a session whose client was there when the gateway died counts from its start', async () => {
    const { clock, bench, connect } = await start({ sessionExpiry: 10 * HOUR });
    const client = await connect('s');
    await client.subscribe(['a', 1]);
    await clock.advance(1000 * HOUR);
    await bench.crash(() => client.destroy());
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBe(1);
    await clock.advance(10 * HOUR + 1);
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBe(0);
  });

  test('a second crash does not begin the count again', async () => {
    const { clock, bench, connect } = await start({ sessionExpiry: 10 * HOUR });
    const client = await connect('s');
    await client.subscribe(['a', 1]);
    await bench.crash(() => client.destroy());
    await connect('another').then((other) => other.publish('t', 'x', { qos: 1, retain: true }));
    await clock.advance(9 * HOUR);
    await bench.crash(() => undefined);
    await clock.advance(HOUR + 1);
    bench.broker.sweep();
    expect([...bench.broker.sessions].map(({ clientId }) => clientId)).not.toContain('s');
  });

  test.each([
    ['forward', 1_000_000 * HOUR],
    ['back', -100_000 * HOUR],
  ])('a wall clock that jumps %s while the gateway runs changes nothing', async (_, jump) => {
    const { clock, bench, connect, leave, publish } = await start({
      sessionExpiry: 10 * HOUR,
      queue: { age: 5 * HOUR },
    });
    await leave('s');
    await publish('1');
    clock.setWall(clock.wall() + jump);
    await clock.advance(4 * HOUR);
    bench.broker.sweep();
    expect(bench.broker.counts).toMatchObject({ sessions: 1, queued: 1 });
    const client = await connect('s');
    expect((await client.message()).payload).toBe('1');
    await client.disconnect();
    await clock.advance(10 * HOUR + 1);
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBe(0);
  });

  test.each([
    ['in 1970', () => 0],
    ['three weeks behind', (right: number) => right - 500 * HOUR],
  ])('a gateway that starts %s loses nothing when its clock is set', async (_, wrong) => {
    const { clock, bench, connect, leave, publish, sweepUntil } = await start({
      sessionExpiry: 10 * HOUR,
      queue: { age: 5 * HOUR },
    });
    const right = clock.wall();
    clock.setWall(wrong(right));
    await bench.restart();
    await leave('s');
    await publish('before');
    clock.setWall(right);
    await clock.advance(HOUR);
    await publish('after');
    await bench.restart();
    bench.broker.sweep();
    expect(bench.broker.counts).toMatchObject({ sessions: 1, queued: 2 });
    await clock.advance(4 * HOUR + 1);
    await sweepUntil(() => bench.broker.counts.queued === 1);
    const client = await connect('s');
    expect((await client.message()).payload).toBe('after');
    client.destroy();
  });

  test('thousands of sessions end over several sweeps', async () => {
    const { clock, bench, connect, sweepUntil } = await start({ sessionExpiry: HOUR });
    for (let i = 0; i < 1200; i++) {
      const client = await connect(`s${i}`);
      client.destroy();
    }
    await sweepUntil(() => bench.broker.counts.connected === 0);
    await clock.advance(2 * HOUR);
    bench.broker.sweep();
    expect(bench.broker.counts.sessions).toBeGreaterThanOrEqual(1200 - 2 * 500);
    await sweepUntil(() => bench.broker.counts.sessions === 0);
  });
});

describe('what waits too long is dropped', () => {
  test('messages older than queue.age go while their client is away, the others stay', async () => {
    const { clock, bench, connect, leave, publish } = await start({ queue: { age: HOUR } });
    await leave('s');
    await publish('old 1', 'old 2');
    await clock.advance(HOUR / 2);
    await publish('new');
    await clock.advance(HOUR / 2 + 1);
    bench.broker.sweep();
    expect(bench.broker.counts).toMatchObject({ queued: 1, dropped: 2 });
    const client = await connect('s');
    expect((await client.message()).payload).toBe('new');
    await client.quiet();
    client.destroy();
  });

  test('a queue of thousands expires from disk, also after a restart, a bounded step a sweep', async () => {
    const { clock, bench, connect, leave, sweepUntil } = await start({ queue: { age: HOUR } });
    await leave('s');
    const publisher = await connect('publisher', true);
    const flood = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, i) =>
          bench.broker.publishLocal({
            topic: 'a',
            payload: Buffer.from(String(from + i)),
            qos: 1,
            retain: false,
          }),
        ),
      );
    publisher.destroy();
    await flood(0, 3000);
    await clock.advance(HOUR / 2);
    await flood(3000, 3500);
    await bench.restart();
    await clock.advance(HOUR / 2 + 1);
    expect(bench.broker.counts.queued).toBe(3500);
    await sweepUntil(() => bench.broker.counts.queued <= 500);
    expect(bench.broker.counts).toMatchObject({ queued: 500, dropped: 3000 });
    const client = await connect('s');
    const payloads = (await client.flow(500)).map(({ payload }) => Number(payload));
    expect(payloads).toEqual(Array.from({ length: 500 }, (_, i) => 3000 + i));
    await client.quiet();
    client.destroy();
  });

  test('what was sent and not acknowledged does not expire', async () => {
    const { clock, bench, connect, leave, publish } = await start({ queue: { age: HOUR } });
    await leave('s');
    await publish('1');
    const client = await connect('s');
    expect((await client.next('publish')).payload).toBe('1');
    client.destroy();
    await clock.advance(2 * HOUR);
    bench.broker.sweep();
    const again = await connect('s');
    expect(await again.message()).toMatchObject({ payload: '1', dup: true });
    again.destroy();
  });
});
