import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FakeTransport } from '../../../support/fake-transport.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms = 1) => vi.advanceTimersByTimeAsync(ms);

/** What a connection was sent since the last look, by type. */
async function types(transport: FakeTransport): Promise<string[]> {
  await pass();
  return new packets.PacketReader().push(transport.take()).map(({ type }) => type);
}

function setUp() {
  const disk = new MemoryDisk();
  return { disk, plane: new TestPlane(disk) };
}

/** Lets the disk take all that is on its way. */
async function land(disk: MemoryDisk): Promise<void> {
  await pass();
  while (disk.busy) {
    disk.land();
    await pass();
  }
}

test('a PUBCOMP waits for the disk also when an earlier connection has released', async () => {
  const { disk, plane } = setUp();
  const first = plane.open('p', false);
  first.connection.data(packets.publish('t', 'm', { qos: 2, id: 1 }));
  await land(disk);
  first.connection.data(packets.pubrel(1));
  first.connection.lost();
  const second = plane.open('p', false);
  second.connection.data(packets.pubrel(1));
  expect(await types(second.transport)).toEqual(['connack']);
  await land(disk);
  expect(await types(second.transport)).toEqual(['pubcomp']);
});

test('an UNSUBACK waits for the disk also when an earlier connection has unsubscribed', async () => {
  const { disk, plane } = setUp();
  const first = plane.open('s', false);
  first.connection.data(packets.subscribe(1, [['t', 1]]));
  await land(disk);
  first.connection.data(packets.unsubscribe(2, ['t']));
  first.connection.lost();
  const second = plane.open('s', false);
  second.connection.data(packets.unsubscribe(2, ['t']));
  expect(await types(second.transport)).toEqual(['connack']);
  await land(disk);
  expect(await types(second.transport)).toEqual(['unsuback']);
});

test('a PUBREL waits for the disk also when an earlier connection has had the PUBREC', async () => {
  const { disk, plane } = setUp();
  const first = plane.open('s', false);
  first.connection.data(packets.subscribe(1, [['t', 2]]));
  const publisher = plane.open('p', true);
  publisher.connection.data(packets.publish('t', 'm', { qos: 2, id: 9 }));
  await land(disk);
  expect(await types(first.transport)).toEqual(['connack', 'suback', 'publish']);
  first.connection.data(packets.pubrec(1));
  first.connection.lost();
  const second = plane.open('s', false);
  expect(await types(second.transport)).toEqual(['connack']);
  await land(disk);
  expect(await types(second.transport)).toEqual(['pubrel']);
});

test('a PUBACK waits for retained value and queue, and not for what nobody keeps', async () => {
  const { disk, plane } = setUp();
  const keeper = plane.open('s', false);
  keeper.connection.data(packets.subscribe(1, [['kept', 1]]));
  await land(disk);
  keeper.connection.lost();
  await land(disk);
  const { connection, transport } = plane.open('p', true);
  connection.data(packets.publish('nobody', 'm', { qos: 1, id: 1 }));
  expect(await types(transport)).toEqual(['connack', 'puback']);
  connection.data(packets.publish('kept', 'm', { qos: 1, id: 2 }));
  expect(await types(transport)).toEqual([]);
  await land(disk);
  expect(await types(transport)).toEqual(['puback']);
  connection.data(packets.publish('nobody', 'm', { qos: 1, id: 3, retain: true }));
  connection.data(packets.publish('nobody', 'm', { qos: 1, id: 4 }));
  expect(await types(transport)).toEqual([]);
  await land(disk);
  expect(await types(transport)).toEqual(['puback', 'puback']);
});

test('a SUBACK waits for the subscription, and the retained message comes behind it', async () => {
  const { disk, plane } = setUp();
  const publisher = plane.open('p', true);
  publisher.connection.data(packets.publish('t', 'm', { retain: true }));
  publisher.connection.data(packets.publish('u', 'm', { qos: 1, id: 1, retain: true }));
  await land(disk);
  const { connection, transport } = plane.open('s', false);
  connection.data(packets.subscribe(1, [['#', 1]]));
  expect(await types(transport)).toEqual(['connack']);
  await land(disk);
  expect(await types(transport)).toEqual(['suback', 'publish', 'publish']);
});

test("messages on the gateway's own topics go nowhere, are acknowledged and counted", async () => {
  const { disk, plane } = setUp();
  const reader = plane.open('r', true);
  reader.connection.data(packets.subscribe(1, [['$SYS/#', 2]]));
  const { connection, transport } = plane.open('p', true);
  for (const qos of [0, 1, 2]) {
    connection.data(packets.publish('$SYS/broker/x', 'm', { qos, id: qos, retain: true }));
  }
  await land(disk);
  expect(await types(transport)).toEqual(['connack', 'puback', 'pubrec']);
  expect(await types(reader.transport)).toEqual(['connack', 'suback']);
  expect(plane.plane.retained.count).toBe(0);
});

test('retained messages of clients are bounded in number, those of the gateway are not kept out', async () => {
  const { plane } = setUp();
  const { connection } = plane.open('p', true);
  for (let i = 0; i < 1100; i++) connection.data(packets.publish(`t/${i}`, 'm', { retain: true }));
  expect(plane.plane.retained.count).toBe(1000);
  connection.data(packets.publish('t/1', 'changed', { retain: true }));
  connection.data(packets.publish('t/2', '', { retain: true }));
  await plane.plane.publishLocal({ topic: 'own', payload: Buffer.from('x'), qos: 0, retain: true });
  await plane.plane.publishLocal({
    topic: 'own2',
    payload: Buffer.from('x'),
    qos: 0,
    retain: true,
  });
  expect(plane.plane.retained.count).toBe(1001);
  expect(plane.plane.retained.get('own2')).toBeDefined();
});

test("a persistent publisher's QoS 2 reaches nobody before it is on disk", async () => {
  const { disk, plane } = setUp();
  const clean = plane.open('clean', true);
  clean.connection.data(packets.subscribe(1, [['t', 2]]));
  expect(await types(clean.transport)).toEqual(['connack', 'suback']);
  const publisher = plane.open('p', false);
  await land(disk);
  publisher.connection.data(packets.publish('t', 'm', { qos: 2, id: 9 }));
  expect(await types(clean.transport)).toEqual([]);
  expect(await types(publisher.transport)).toEqual(['connack']);
  await land(disk);
  expect(await types(clean.transport)).toEqual(['publish']);
  expect(await types(publisher.transport)).toEqual(['pubrec']);
});

test('retained messages of clients are bounded in bytes; one that no longer fits is deleted', async () => {
  const { disk, plane } = setUp();
  const { connection } = plane.open('p', true);
  const retained = () => plane.plane.retained;
  const half = Buffer.alloc(512 * 1024);
  connection.data(packets.publish('a', half.subarray(100), { retain: true }));
  connection.data(packets.publish('b', half.subarray(100), { retain: true }));
  await vi.advanceTimersByTimeAsync(2000);
  await land(disk);
  expect([retained().count, disk.retained.size]).toEqual([2, 2]);
  connection.data(packets.publish('b', Buffer.alloc(513 * 1024), { retain: true }));
  await vi.advanceTimersByTimeAsync(2000);
  await land(disk);
  expect(retained().get('b')).toBeUndefined();
  expect([...disk.retained.keys()]).toEqual(['a']);
  expect(retained().bytes).toBeLessThan(513 * 1024);
});

test('retained messages on topics of the gateway are not on disk', async () => {
  const { disk, plane } = setUp();
  const message = { payload: Buffer.from('x'), qos: 0, retain: true } as const;
  await plane.plane.publishLocal({ ...message, topic: '$SYS/broker/uptime' });
  await plane.plane.publishLocal({ ...message, topic: 'cell/status' });
  await vi.advanceTimersByTimeAsync(2000);
  await land(disk);
  expect(plane.plane.retained.count).toBe(2);
  expect([...disk.retained.keys()]).toEqual(['cell/status']);
});

test('the PUBACK of a birth of Sparkplug waits until its certificate is on disk', async () => {
  const { disk, plane } = setUp();
  const { connection, transport } = plane.open('node', true);
  connection.data(packets.publish('spBv1.0/g/NDATA/n', 'm', { qos: 1, id: 1 }));
  expect(await types(transport)).toEqual(['connack', 'puback']);
  connection.data(packets.publish('spBv1.0/g/NBIRTH/n', 'm', { qos: 1, id: 2 }));
  expect(await types(transport)).toEqual([]);
  await land(disk);
  expect(await types(transport)).toEqual(['puback']);
});

test('a retained message that has expired is deleted on disk too', async () => {
  const { disk, plane } = setUp();
  const { connection } = plane.open('p', true);
  connection.data(packets.publish('t', 'm', { retain: true, qos: 1, id: 1 }));
  await land(disk);
  expect([...disk.retained.keys()]).toEqual(['t']);
  plane.plane.deleteRetained('t');
  plane.plane.deleteRetained('another');
  // Nobody waits for it: the journal takes its time.
  await pass(1000);
  await land(disk);
  expect(plane.plane.retained.count).toBe(0);
  expect(disk.retained.size).toBe(0);
});
