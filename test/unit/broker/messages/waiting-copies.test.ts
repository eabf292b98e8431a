import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms);

async function land(disk: MemoryDisk): Promise<void> {
  await pass();
  for (let turns = 0; disk.busy || turns < 3; turns++) {
    disk.land();
    await pass(5);
  }
}

type Plane = ReturnType<typeof start>;

function start(disk = new MemoryDisk()) {
  const plane = new TestPlane(disk);
  const publish = async (topic: string, payload: string, retain = true): Promise<void> => {
    void plane.plane.publishLocal({ topic, payload: Buffer.from(payload), qos: 1, retain });
    await land(disk);
  };
  const session = (clientId: string) => plane.plane.sessions.byClientId.get(clientId)!;
  return { disk, plane, publish, session };
}

/** A client that takes what it is sent, and acknowledges only when the test says so. */
function connect({ plane, disk }: Plane, clientId: string, clean: boolean) {
  const { connection, transport } = plane.open(clientId, clean);
  const reader = new packets.PacketReader();
  let lastId = 100;
  const take = async (): Promise<packets.Publish[]> => {
    await land(disk);
    const all = reader.push(transport.take());
    return all.filter((each): each is packets.Publish => each.type === 'publish');
  };
  return {
    connection,
    take,
    async subscribe(...wishes: (readonly [string, number])[]): Promise<void> {
      connection.data(packets.subscribe(lastId++, wishes as packets.Wish[]));
      await land(disk);
    },
    /** Takes all messages there are, acknowledging each. */
    async drain(): Promise<string[]> {
      const payloads: string[] = [];
      for (let some = await take(); some.length > 0; some = await take()) {
        for (const { payload, id, qos } of some) {
          payloads.push(payload);
          if (qos === 1) connection.data(packets.puback(id));
        }
      }
      return payloads;
    },
  };
}

const topics = (count: number): string[] => Array.from({ length: count }, (_, n) => `s/${n}`);

describe.each([
  ['persistent', false],
  ['clean', true],
])('a %s session', (_name, clean) => {
  test('that subscribes again and again has each retained message once', async () => {
    const all = start();
    for (const topic of topics(20)) await all.publish(topic, topic);
    const client = connect(all, 'c', clean);
    for (let i = 0; i < 10; i++) await client.subscribe(['s/#', 1]);
    expect(all.session('c').queue.count + all.session('c').inflight).toBe(20);
    expect((await client.drain()).sort()).toEqual(topics(20).sort());
  });

  test('is sent the retained messages again once it has acknowledged them', async () => {
    const all = start();
    for (const topic of topics(6)) await all.publish(topic, topic);
    const client = connect(all, 'c', clean);
    for (let i = 0; i < 3; i++) {
      await client.subscribe(['s/#', 1]);
      expect((await client.drain()).sort()).toEqual(topics(6));
    }
  });

  test('whose filters overlap has each retained message once', async () => {
    const all = start();
    for (const topic of topics(10)) await all.publish(topic, topic);
    const client = connect(all, 'c', clean);
    await client.subscribe(['s/#', 1], ['s/+', 1], ['#', 1]);
    expect((await client.drain()).sort()).toEqual(topics(10));
  });

  test('has the value that replaced one that waits, and that once', async () => {
    const all = start();
    for (const topic of topics(10)) await all.publish(topic, 'old');
    const client = connect(all, 'c', clean);
    await client.subscribe(['s/#', 1]);
    await all.publish('s/7', 'changed');
    await client.subscribe(['s/#', 1]);
    const got = await client.drain();
    expect([got.length, got.filter((each) => each === 'changed').length]).toEqual([11, 1]);
  });

  test('that was unsubscribed when a value was replaced is sent the replaced one', async () => {
    const all = start();
    for (const topic of topics(10)) await all.publish(topic, 'old');
    const client = connect(all, 'c', clean);
    await client.subscribe(['s/#', 1]);
    client.connection.data(packets.unsubscribe(9, ['s/#']));
    await all.publish('s/7', 'changed');
    await client.subscribe(['s/#', 1]);
    const got = await client.drain();
    expect([got.length, got.filter((each) => each === 'changed').length]).toEqual([11, 1]);
  });

  test('with a full queue keeps what was queued for it: the copies find no room', async () => {
    const all = start();
    const client = connect(all, 'c', clean);
    await client.subscribe(['alarm', 1]);
    for (let i = 0; i < 1004; i++) {
      void all.plane.plane.publishLocal({
        topic: 'alarm',
        payload: Buffer.from(`alarm ${i}`),
        qos: 1,
        retain: false,
      });
    }
    await land(all.disk);
    for (const topic of topics(50)) await all.publish(topic, 'copy');
    await client.subscribe(['s/#', 1]);
    expect(all.session('c').drops.get('queue-full')).toBe(50);
    expect(await client.drain()).toEqual(Array.from({ length: 1004 }, (_, i) => `alarm ${i}`));
  });
});

test('a message that waits since it was published is not queued again as a retained one', async () => {
  const all = start();
  const first = connect(all, 'c', false);
  await first.subscribe(['s/#', 1]);
  for (const topic of topics(20)) await all.publish(topic, topic);
  await first.subscribe(['s/#', 1]);
  expect(all.session('c').queue.count + all.session('c').inflight).toBe(20);
});

test('an alarm is not pushed out by a client that connects and subscribes a thousand times', async () => {
  const all = start();
  for (const topic of topics(20)) await all.publish(topic, topic);
  const first = connect(all, 'c', false);
  await first.subscribe(['s/#', 1], ['alarm', 1]);
  await all.publish('alarm', 'fire', false);
  first.connection.lost();
  for (let i = 0; i < 100; i++) {
    const again = connect(all, 'c', false);
    await again.subscribe(['s/#', 1], ['alarm', 1]);
    again.connection.lost();
  }
  expect(all.session('c').queue.count + all.session('c').inflight).toBe(21);
  expect(all.session('c').drops.size).toBe(0);
  expect(await connect(all, 'c', false).drain()).toContain('fire');
});

test('copies that are only on disk are found too: after a restart each waits once', async () => {
  const disk = new MemoryDisk();
  const before = start(disk);
  for (const topic of topics(600)) void before.publish(topic, topic);
  await land(disk);
  const client = connect(before, 'c', false);
  await client.subscribe(['s/#', 1]);
  client.connection.lost();
  await pass(2000);
  await land(disk);
  const after = start(disk);
  const again = connect(after, 'c', false);
  for (let i = 0; i < 3; i++) {
    await again.subscribe(['s/#', 1]);
    await pass(100);
    await land(disk);
  }
  const { queue, inflight } = after.session('c');
  expect(queue.count + inflight).toBe(600);
  expect((await again.drain()).sort()).toEqual(topics(600).sort());
});

test('a connection that ends while the queue is read from disk leaves the next one all to compare', async () => {
  const disk = new MemoryDisk();
  const before = start(disk);
  for (const topic of topics(600)) void before.publish(topic, topic);
  await land(disk);
  const client = connect(before, 'c', false);
  await client.subscribe(['s/#', 1]);
  client.connection.lost();
  await pass(2000);
  await land(disk);
  const after = start(disk);
  const cut = connect(after, 'c', false);
  cut.connection.data(packets.subscribe(1, [['s/#', 1]]));
  cut.connection.lost();
  const again = connect(after, 'c', false);
  await again.subscribe(['s/#', 1]);
  await pass(100);
  await land(disk);
  const { queue, inflight } = after.session('c');
  expect(queue.count + inflight).toBe(600);
});

test('a long queue is compared in steps: the SUBACK waits, and nothing is read meanwhile', async () => {
  const all = start();
  const client = connect(all, 'c', false);
  await client.subscribe(['s/#', 1]);
  for (const topic of topics(900)) void all.publish(topic, topic);
  await land(all.disk);
  client.connection.data(packets.subscribe(1, [['s/#', 1]]));
  client.connection.data(packets.unsubscribe(2, ['s/#']));
  const { subscriptions } = all.session('c');
  expect(subscriptions.size).toBe(1);
  await land(all.disk);
  expect(subscriptions.size).toBe(0);
  expect((await client.drain()).length).toBe(900);
});

test('retained messages at QoS 0 wait once for a client that does not read', async () => {
  const all = start();
  for (const topic of topics(50)) await all.publish(topic, topic);
  const { connection, transport } = all.plane.open('c', true);
  connection.sendBuffer.congested = true;
  for (let i = 0; i < 20; i++) connection.data(packets.subscribe(i + 1, [['s/#', 0]]));
  await pass();
  connection.sendBuffer.congested = false;
  connection.drained();
  await pass(50);
  const sent = new packets.PacketReader().push(transport.take());
  expect(sent.filter(({ type }) => type === 'publish').length).toBe(50);
});
