import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Rights } from '../../../../src/access/rules.ts';
import type { FakeTransport } from '../../../support/fake-transport.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = () => vi.advanceTimersByTimeAsync(1);

async function received(transport: FakeTransport): Promise<packets.Packet[]> {
  await pass();
  return new packets.PacketReader().push(transport.take());
}

/** Lets the disk take everything that is on its way. */
async function land(disk: MemoryDisk): Promise<void> {
  await pass();
  while (disk.busy) {
    disk.land();
    await pass();
  }
}

/** Rights to read these filters alone, and to publish on these topics alone. */
function rights(readable: readonly string[], writable: readonly string[] = []): Rights {
  return {
    maySubscribe: (filter: string) => readable.includes(filter),
    mayPublish: (topic: string) => writable.includes(topic),
  } as unknown as Rights;
}

test('filters that the client may not read are refused one by one', async () => {
  const plane = new TestPlane(new MemoryDisk());
  const { connection, transport } = plane.open('s', true);
  connection.access = { identity: { user: 'u', proof: undefined }, rights: rights(['a']) };
  const subscribe = [
    ['a', 1],
    ['b', 1],
  ] as const;
  connection.data(packets.subscribe(7, subscribe));
  const [, suback] = await received(transport);
  expect(suback).toMatchObject({ id: 7, codes: [1, 0x80] });
  expect([...connection.session!.subscriptions.keys()]).toEqual(['a']);
});

test('a client has at most 10,000 subscriptions, and may renew those', async () => {
  const plane = new TestPlane(new MemoryDisk());
  const { connection, transport } = plane.open('s', true);
  const filters = Array.from({ length: 10_001 }, (_, i) => [`f/${i}`, 0] as const);
  connection.data(packets.subscribe(1, filters));
  connection.data(packets.subscribe(2, [['f/0', 1]]));
  const [, first, second] = (await received(transport)) as packets.Suback[];
  expect(first!.codes.slice(-2)).toEqual([0, 0x80]);
  expect(second!.codes).toEqual([1]);
  expect(plane.plane.router.count).toBe(10_000);
});

test('revoked subscriptions end here and on disk, the others stay', async () => {
  const disk = new MemoryDisk();
  const plane = new TestPlane(disk);
  const { connection, transport } = plane.open('s', false);
  connection.data(
    packets.subscribe(1, [
      ['a', 1],
      ['b', 1],
    ]),
  );
  await land(disk);
  plane.plane.subscriptions.revokeSubscriptions(connection.session!, rights(['b']));
  await land(disk);
  transport.take();
  for (const topic of ['a', 'b']) {
    const message = { topic, payload: Buffer.from('x'), qos: 0, retain: false } as const;
    await plane.plane.publishLocal(message);
  }
  expect(await received(transport)).toMatchObject([{ type: 'publish', topic: 'b' }]);
  const stored = disk.recover().sessions[0]!.subscriptions;
  expect(stored.map(({ filter }) => filter)).toEqual(['b']);
});

test('a retained message that was replaced before SUBACK is not sent, only what replaced it', async () => {
  const disk = new MemoryDisk();
  const plane = new TestPlane(disk);
  const publish = (payload: string) => {
    const message = { topic: 't', payload: Buffer.from(payload), qos: 0, retain: true } as const;
    return plane.plane.publishLocal(message);
  };
  await publish('old');
  const { connection, transport } = plane.open('s', false);
  connection.data(packets.subscribe(1, [['t', 0]]));
  await publish('new');
  await land(disk);
  const messages = (await received(transport)).filter(({ type }) => type === 'publish');
  expect(messages).toMatchObject([{ payload: 'new', retain: false }]);
});

test('the same at QoS 1, where the SUBACK of a clean session waits for an earlier acknowledgement', async () => {
  const disk = new MemoryDisk();
  const plane = new TestPlane(disk);
  const publish = (payload: string) => {
    const message = { topic: 't', payload: Buffer.from(payload), qos: 1, retain: true } as const;
    return plane.plane.publishLocal(message);
  };
  void publish('old');
  await land(disk);
  const { connection, transport } = plane.open('s', true);
  connection.data(packets.publish('other', 'm', { qos: 1, id: 1, retain: true }));
  connection.data(packets.subscribe(1, [['t', 1]]));
  void publish('new');
  await land(disk);
  const messages = (await received(transport)).filter(({ type }) => type === 'publish');
  expect(messages).toMatchObject([{ payload: 'new', retain: false }]);
});

test('a part of the gateway gets a payload of its own', async () => {
  const plane = new TestPlane(new MemoryDisk());
  const payloads: Uint8Array[] = [];
  plane.plane.local.subscribe('t', ({ payload }) => payloads.push(payload));
  const { connection } = plane.open('p', true);
  const packet = packets.publish('t', 'first');
  connection.data(packet);
  packet.fill(0);
  expect(payloads.map((each) => Buffer.from(each).toString())).toEqual(['first']);
});
