import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import type { SomeLimits } from '../../support/broker.ts';
import { publish as publishPacket } from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/until.ts';
import { type InProcess, startInProcess } from '../model/bench.ts';

const benches: InProcess[] = [];
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const bench of benches.splice(0)) await bench.dispose();
});

async function start(limits: SomeLimits) {
  const bench = await startInProcess(limits);
  benches.push(bench);
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open('tcp', bench.port);
    clients.push(client);
    return client;
  };
  const connect = async (clientId: string, clean = false): Promise<RawClient> =>
    (await open()).connect({ clientId, clean });
  const leave = async (clientId: string): Promise<void> => {
    const client = await connect(clientId);
    await client.subscribe(['a', 1]);
    await client.disconnect();
  };
  /** QoS 1 messages whose payload is their number, padded to `size` bytes; resolves when all are on disk. */
  const flood = async (from: number, to: number, size = 1): Promise<void> => {
    const all: Promise<void>[] = [];
    for (let i = from; i < to; i++) {
      const payload = Buffer.from(String(i).padEnd(size));
      all.push(bench.broker.publishLocal({ topic: 'a', payload, qos: 1, retain: false }));
      // As from sockets: now and then the disk has its turn.
      if (i % 100 === 99) await all.at(-1);
    }
    await Promise.all(all);
  };
  /** Everything that waits for the session, by number. */
  const waiting = async (clientId: string, inflight = 0): Promise<number[]> => {
    const { queued } = bench.broker.counts;
    const client = await connect(clientId);
    const found = await client.flow(queued + inflight);
    await client.quiet();
    return found.map(({ payload }) => Number(payload));
  };
  return { bench, open, connect, leave, flood, waiting };
}

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe('a full queue keeps the right messages', () => {
  for (const [name, restart] of [
    ['', false],
    [', after a restart too', true],
  ] as const) {
    test(`drop-oldest keeps the newest${name}`, async () => {
      const { bench, leave, flood, waiting } = await start({ queue: { messages: 10 } });
      await leave('s');
      await flood(0, 15);
      if (restart) await bench.restart();
      await flood(15, 25);
      expect(await waiting('s')).toEqual(range(15, 25));
    });

    test(`drop-newest keeps the oldest${name}`, async () => {
      const { bench, leave, flood, waiting } = await start({
        queue: { messages: 10, full: 'drop-newest' },
      });
      await leave('s');
      await flood(0, 15);
      if (restart) await bench.restart();
      await flood(15, 25);
      expect(await waiting('s')).toEqual(range(0, 10));
    });

    test(`drop-oldest in a queue of thousands that stands on disk${name}`, async () => {
      const { bench, leave, flood, waiting } = await start({ queue: { messages: 3000 } });
      await leave('s');
      await flood(0, 5000);
      if (restart) await bench.restart();
      await flood(5000, 7000);
      expect(await waiting('s')).toEqual(range(4000, 7000));
    });

    test(`drop-newest in a queue of thousands that stands on disk${name}`, async () => {
      const { bench, leave, flood, waiting } = await start({
        queue: { messages: 3000, full: 'drop-newest' },
      });
      await leave('s');
      await flood(0, 4000);
      if (restart) await bench.restart();
      await flood(4000, 5000);
      expect(await waiting('s')).toEqual(range(0, 3000));
    });
  }

  test('by bytes, drop-oldest: as many of the newest as fit', async () => {
    // A body is two bytes of length, the topic and the payload.
    const { bench, leave, flood, waiting } = await start({ queue: { bytes: 10 * 103 + 102 } });
    await leave('s');
    await flood(0, 25, 100);
    expect(bench.broker.counts).toMatchObject({ queued: 10, dropped: 15 });
    expect(await waiting('s')).toEqual(range(15, 25));
  });

  test('by bytes, drop-newest: as many of the oldest as fit', async () => {
    const { leave, flood, waiting } = await start({
      queue: { bytes: 10 * 103 + 102, full: 'drop-newest' },
    });
    await leave('s');
    await flood(0, 25, 100);
    expect(await waiting('s')).toEqual(range(0, 10));
  });

  test('drop-oldest right after a reconnect cut short keeps order and bound', async () => {
    const { bench, connect, leave, flood, waiting } = await start({
      queue: { messages: 1000 },
      inflight: 5,
    });
    await leave('s');
    await flood(0, 1500);
    const client = await connect('s');
    await client.flow(300);
    client.destroy();
    await flood(1500, 2200);
    const rest = await waiting('s', 5);
    expect(rest).toEqual([...rest].sort((a, b) => a - b));
    expect(rest.at(-1)).toBe(2199);
    expect(bench.broker.counts.queued).toBe(0);
  });
});

describe('memory is bounded over all', () => {
  test('large messages that wait for absent sessions do not stand in memory', {
    timeout: 60_000,
  }, async () => {
    const { bench, leave, flood } = await start({});
    for (const name of ['s1', 's2']) await leave(name);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    await flood(0, 500, 500_000);
    expect(bench.broker.counts.queued).toBe(1000);
    await until('the memory is free again', () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers - before < 150e6;
    });
  });

  test('clean sessions that do not acknowledge share 64 MiB; what is over is counted', async () => {
    const { bench, connect, flood } = await start({ inflight: 1 });
    for (let i = 0; i < 10; i++) await (await connect(`c${i}`, true)).subscribe(['a', 1]);
    await flood(0, 200, 100_000);
    const { queued, dropped } = bench.broker.counts;
    expect(queued).toBe(Math.floor((64 * 1024 * 1024) / 100_203));
    expect(queued + dropped).toBe(10 * 199);
    for (const client of clients.splice(0)) await client.disconnect();
    // Nothing is left of their share.
    const late = await connect('late', true);
    await late.subscribe(['a', 1]);
    await flood(0, 100, 100_000);
    expect(bench.broker.counts.queued).toBe(99);
  });

  test('connections that do not read share 128 MiB; who reads loses nothing', async () => {
    const { bench, connect } = await start({});
    const payload = Buffer.alloc(500_000);
    for (let i = 0; i < 60; i++) {
      const frozen = await connect(`f${i}`, true);
      await frozen.subscribe(['big', 0]);
      frozen.pause();
    }
    const reader = await connect('reader', true);
    await reader.subscribe(['big', 0]);
    const publisher = await connect('publisher', true);
    for (let i = 0; i < 40; i++) {
      publisher.send(publishPacket('big', payload));
      await publisher.quiet();
      expect((await reader.next('publish')).bytes.length).toBe(500_000);
    }
    expect(bench.broker.counts.dropped).toBeGreaterThan(500);
    // Theirs, and what the clients of this process keep of what they sent and received.
    await until('no more than that is held', () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers < 200e6;
    });
  });
});

describe('counts are bounded', () => {
  test('retained messages by count: a new topic is dropped and counted, a known one is replaced', async () => {
    const { bench, connect } = await start({ retainedMessages: 3 });
    const client = await connect('c', true);
    for (const topic of ['r/1', 'r/2', 'r/3', 'r/4', 'r/1']) {
      await client.publish(topic, topic === 'r/1' ? 'new' : 'x', { qos: 1, retain: true });
    }
    expect(bench.broker.counts).toMatchObject({ retained: 3, dropped: 1 });
    await client.publish('r/2', '', { qos: 1, retain: true });
    await client.publish('r/5', 'x', { qos: 1, retain: true });
    await bench.restart();
    const reader = await connect('r', true);
    await reader.subscribe(['r/#', 0]);
    const topics = (await reader.messages(3)).map(({ topic }) => topic);
    await reader.quiet();
    expect(topics.sort()).toEqual(['r/1', 'r/3', 'r/5']);
  });

  test('retained messages by bytes', async () => {
    const { bench, connect } = await start({ retainedBytes: 1000 });
    const client = await connect('c', true);
    for (let i = 0; i < 20; i++) {
      await client.publish(`r/${i % 10}`, 'x'.repeat(195), { qos: 1, retain: true });
    }
    expect(bench.broker.counts).toMatchObject({ retained: 5, dropped: 10 });
  });

  test('a retained value that no longer fits does not leave the older one to be taken for it', async () => {
    const { bench, connect } = await start({ retainedBytes: 1000 });
    const client = await connect('c', true);
    await client.publish('r', 'small', { qos: 1, retain: true });
    await client.publish('r', 'x'.repeat(2000), { qos: 1, retain: true });
    expect(bench.broker.counts).toMatchObject({ retained: 0, dropped: 1 });
    await bench.restart();
    expect(bench.broker.counts.retained).toBe(0);
  });

  test('connections over the limit are told so; one that ends makes room', async () => {
    const { open, connect } = await start({ connections: 3 });
    const [first] = [await connect('1'), await connect('2'), await connect('3')];
    await expect(connect('4')).rejects.toThrow('CONNACK has code 3');
    await first!.disconnect();
    await connect('4');
    const silent = await open();
    await expect(connect('5')).rejects.toThrow('CONNACK has code 3');
    silent.destroy();
  });

  test('a connection that says nothing is closed after connectTimeout', async () => {
    const { open } = await start({ connectTimeout: 100 });
    const silent = await open();
    await silent.closed();
  });

  test('half a CONNECT is closed after connectTimeout', async () => {
    const { open } = await start({ connectTimeout: 100 });
    const slow = await open();
    slow.send(Buffer.from([0x10, 20, 0, 4, 0x4d]));
    await slow.closed();
  });

  test('packets whose end does not come share 64 MiB; who takes the rest is cut off', async () => {
    const { bench, connect } = await start({});
    const publisher = await connect('whole', true);
    const half = publishPacket('big', Buffer.alloc(900_000)).subarray(0, 800_000);
    for (let i = 0; i < 100; i++) (await connect(`h${i}`, true)).send(half);
    await until('some are cut off', () => bench.broker.counts.connected < 95);
    expect(bench.broker.counts.connected).toBeGreaterThan(40);
    await publisher.publish('small', 'x', { qos: 1 });
  });

  test('a client has 10,000 subscriptions; more is refused', async () => {
    const { connect } = await start({});
    const greedy = await connect('greedy', true);
    for (let i = 0; i < 10; i++) {
      const wishes = Array.from({ length: 1000 }, (_, n) => [`f/${i}/${n}`, 0] as const);
      expect(await greedy.subscribe(...wishes)).not.toContain(0x80);
    }
    expect(await greedy.subscribe(['one/more', 0], ['f/1/1', 1])).toEqual([0x80, 1]);
  });

  test('a message larger than a whole queue drops nothing but itself', async () => {
    const { leave, flood, waiting } = await start({ queue: { bytes: 10_000 } });
    await leave('away');
    await flood(0, 3, 100);
    await flood(3, 4, 20_000);
    expect(await waiting('away')).toEqual([0, 1, 2]);
  });
});
