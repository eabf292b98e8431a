import { createConnection, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { Broker } from '../../../src/broker/broker.ts';
import { LIMITS, startBroker } from '../../support/broker.ts';
import { createFaults } from '../../support/faults.ts';
import * as packets from '../../support/packets.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { RawClient } from '../../support/raw-client.ts';
import { startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { waitFor } from '../../support/wait-for.ts';

test('a part of the gateway that fails on a message disturbs no other', async () => {
  const { broker, client, faults, fatal } = await startBroker(tempFolder());
  broker.subscribeLocal('#', () => {
    throw new Error('the driver is confused');
  });
  const received: string[] = [];
  broker.subscribeLocal('#', ({ payload }) => received.push(Buffer.from(payload).toString()));
  const persistent = await client({ clientId: 'p', clean: false });
  await persistent.subscribe(['#', 2]);
  for (const qos of [0, 1, 2]) {
    await persistent.publish('t', `${qos}`, { qos, retain: true });
    expect((await persistent.message()).payload).toBe(`${qos}`);
  }
  await broker.publishLocal({ topic: 't', payload: Buffer.from('own'), qos: 1, retain: false });
  await waitFor(() => expect(received).toEqual(['0', '1', '2', 'own']));
  expect(faults.counts.command).toBe(4);
  expect(fatal).toEqual([]);
});

test('a part of the gateway receives nothing after it has unsubscribed', async () => {
  const { broker } = await startBroker(tempFolder());
  const received: string[] = [];
  const stop = broker.subscribeLocal('a/+', ({ topic }) => received.push(topic));
  const publish = (topic: string) =>
    broker.publishLocal({ topic, payload: Buffer.from('x'), qos: 0, retain: false });
  await publish('a/1');
  stop();
  await publish('a/2');
  expect(received).toEqual(['a/1']);
  expect(broker.counts.subscriptions).toBe(0);
});

test('a client that is taken over leaves its session to the new one', async () => {
  const { client, broker } = await startBroker(tempFolder());
  const first = await client({ clientId: 'c', clean: false });
  await first.subscribe(['t', 1]);
  for (let i = 0; i < 5; i++) {
    const next = await client({ clientId: 'c', clean: false });
    expect(next.connack.sessionPresent).toBe(true);
    await broker.publishLocal({ topic: 't', payload: Buffer.from(`${i}`), qos: 1, retain: false });
    expect((await next.message()).payload).toBe(`${i}`);
  }
  await first.gone();
  expect(broker.counts).toMatchObject({ connected: 1, sessions: 1, away: 0, subscriptions: 1 });
});

test('many connections with one id at once end as one', async () => {
  const { port, broker, client } = await startBroker(tempFolder());
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.open('tcp', port)));
  for (const each of clients) each.send(packets.connect({ clientId: 'same', clean: false }));
  await waitFor(() => expect(broker.counts).toMatchObject({ connected: 1, sessions: 1 }));
  const open = () => clients.filter(({ state }) => state === 'open');
  await waitFor(() => expect(open()).toHaveLength(1));
  const last = open();
  await last[0]!.next('connack');
  await last[0]!.subscribe(['t', 1]);
  const publisher = await client();
  await publisher.publish('t', 'arrives', { qos: 1 });
  expect((await last[0]!.message()).payload).toBe('arrives');
});

test('what has ended leaves nothing behind', async () => {
  const { client, broker } = await startBroker(tempFolder());
  for (let i = 0; i < 20; i++) {
    const each = await client({ clientId: `clean ${i}` });
    await each.subscribe([`t/${i}/#`, 1]);
    if (i % 2) await each.disconnect();
    else each.destroy();
  }
  await waitFor(() =>
    expect(broker.counts).toMatchObject({ connected: 0, sessions: 0, subscriptions: 0, away: 0 }),
  );
});

test('clients over the limit are refused with return code 3', async () => {
  const { client, port } = await startBroker(tempFolder(), { connections: 2 });
  await client();
  await client();
  const third = await RawClient.open('tcp', port);
  third.send(packets.connect());
  expect(await third.next('connack')).toMatchObject({ code: 3 });
  await third.closed();
});

test('a socket that says nothing is closed in time', async () => {
  const { port, broker } = await startBroker(tempFolder(), { connectTimeout: 300 });
  const silent = await RawClient.open('tcp', port);
  await silent.closed();
  expect(broker.counts.connected).toBe(0);
});

test('a broker that stops while clients connect closes all of them', async () => {
  const { port, stop, broker, faults } = await startBroker(tempFolder());
  let ended = 0;
  for (let i = 0; i < 40; i++) {
    const socket = createConnection({ host: '127.0.0.1', port });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => ended++);
    socket.resume();
    if (i % 4) socket.write(packets.connect({ clientId: `c${i}`, clean: i % 2 === 0 }));
    if (i === 20) await new Promise((resolve) => setImmediate(resolve));
  }
  await stop();
  await waitFor(() => expect(ended).toBe(40));
  expect(broker.counts.connected).toBe(0);
  expect(Object.values(faults.counts).every((count) => count === 0)).toBe(true);
});

test('a start that fails half way closes the listeners that were open', async () => {
  const occupied = createServer();
  await new Promise<void>((resolve) => occupied.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void occupied.close());
  const taken = (occupied.address() as { port: number }).port;
  const { store } = await startStore(tempFolder());
  const { log } = createQuietLog();
  const free = { host: '127.0.0.1', port: 0, protocol: 'tcp', anonymous: true } as const;
  const broker = new Broker({
    faults: createFaults(),
    listeners: [free, { ...free, port: taken, protocol: 'ws' }],
    limits: LIMITS,
    store,
    clock: systemClock,
    log,
  });
  await expect(broker.start()).rejects.toThrow(`port ${taken} on 127.0.0.1 is in use`);
  expect(broker.urls).toEqual([]);
  await store.stop();
});

test('acknowledged messages, sessions and handshakes are there after a restart', async () => {
  const folder = tempFolder();
  const first = await startBroker(folder);
  const subscriber = await first.client({ clientId: 's', clean: false });
  await subscriber.subscribe(['t', 2]);
  await subscriber.disconnect();
  const publisher = await first.client({ clientId: 'p', clean: false });
  await publisher.publish('t', 'one', { qos: 1, retain: true });
  await publisher.publish('t', 'two', { qos: 2 });
  // An open handshake: published, not released.
  publisher.send(packets.publish('t', 'three', { qos: 2, id: 77 }));
  await publisher.next('pubrec');
  await first.stop();

  const second = await startBroker(folder);
  const back = await second.client({ clientId: 'p', clean: false });
  expect(back.connack.sessionPresent).toBe(true);
  back.send(packets.publish('t', 'three', { qos: 2, id: 77, dup: true }));
  await back.next('pubrec');
  back.send(packets.pubrel(77));
  await back.next('pubcomp');
  const reader = await second.client({ clientId: 's', clean: false });
  const payloads = (await reader.flow(3)).map(({ payload, qos }) => `${payload} ${qos}`);
  expect(payloads).toEqual(['one 1', 'two 2', 'three 2']);
  const fresh = await second.client();
  await fresh.subscribe(['t', 0]);
  expect(await fresh.message()).toMatchObject({ payload: 'one', retain: true });
});

test('a subscriber that reads nothing does not delay the others', async () => {
  const { client, broker } = await startBroker(tempFolder());
  const slow = await client({ clientId: 'slow' });
  await slow.subscribe(['t', 0]);
  slow.pause();
  const quick = await client({ clientId: 'quick' });
  await quick.subscribe(['t', 0]);
  const publisher = await client();
  const payload = Buffer.alloc(256 * 1024, 'x');
  for (let i = 0; i < 100; i++) {
    publisher.send(packets.publish('t', payload));
    await quick.message();
  }
  expect(broker.counts.dropped).toBeGreaterThan(0);
});

test('malformed shared subscriptions are refused with 0x80 and logged', async () => {
  const { client, records, broker } = await startBroker(tempFolder());
  const subscriber = await client({ clientId: 's', clean: false });
  const shared = ['$share/', '$share//t', '$share/g', '$share/+/t'];
  const codes = await subscriber.subscribe(
    ...shared.map((filter) => [filter, 1] as const),
    ['$share', 1],
    ['t', 1],
  );
  expect(codes).toEqual([...shared.map(() => 0x80), 1, 1]);
  expect(broker.counts.subscriptions).toBe(2);
  expect(records.filter(({ msg }) => msg === 'subscription refused')).toMatchObject([
    { client: 's', reason: 'the shared subscription has no share name' },
    { client: 's', reason: 'the shared subscription has no topic filter' },
    { client: 's', reason: 'the shared subscription has a wildcard in its share name' },
  ]);
});

test.each([
  ['MQTT', 0x84],
  ['MQIsdp', 0x83],
])(
  'a bridge of %s with level %i gets what others publish, as they retained it, and nothing of its own',
  async (protocol, level) => {
    const { client, broker } = await startBroker(tempFolder());
    for (const clean of [true, false]) {
      const bridge = await client({ clientId: 'bridge', clean, protocol, level });
      await bridge.subscribe(['t/#', 2]);
      const other = await client({ clientId: 'other' });
      await other.subscribe(['t/#', 2]);
      for (const qos of [0, 1, 2]) {
        await bridge.publish('t/own', `${qos}`, { qos });
        expect(await other.message()).toMatchObject({ payload: `${qos}`, retain: false });
        await other.publish('t/other', `${qos}`, { qos, retain: true });
        expect(await other.message()).toMatchObject({ payload: `${qos}`, retain: false });
        expect(await bridge.message()).toMatchObject({ payload: `${qos}`, qos, retain: true });
      }
      await bridge.publish('t/own', 'from a publisher that is persistent', { qos: 2 });
      await bridge.quiet();
      await bridge.disconnect();
      await other.publish('t/other', '', { qos: 1, retain: true });
      await other.disconnect();
      // The next client with this id is none.
      const plain = await client({ clientId: 'bridge', clean });
      if (clean) await plain.subscribe(['t/own', 1]);
      plain.inbox.length = 0;
      await plain.publish('t/own', 'x', { qos: 1 });
      expect((await plain.message()).payload).toBe('x');
      await plain.disconnect();
    }
    expect(broker.counts.connected).toBe(0);
  },
);

test('a will and a publish below $SYS are acknowledged and dropped, with one line in the log', async () => {
  const folder = tempFolder();
  const first = await startBroker(folder);
  const watcher = await first.client({ clientId: 'watcher' });
  await watcher.subscribe(['$SYS/#', 0]);
  const topic = '$SYS/broker/connection/b/state';
  for (const clean of [true, false]) {
    const bridge = await first.client({
      clientId: 'b',
      clean,
      level: 0x84,
      will: { topic, payload: '0', qos: 1, retain: true },
    });
    await bridge.publish(topic, '1', { qos: 1, retain: true });
    await bridge.publish(topic, '1', { qos: 2 });
    bridge.destroy();
  }
  await waitFor(() => expect(first.broker.counts.connected).toBe(1));
  await watcher.quiet();
  expect(first.broker.counts.retained).toBe(0);
  expect(first.records.filter(({ reason }) => reason === 'reserved-topic')).toMatchObject([
    { who: 'b', msg: 'messages are being dropped' },
  ]);
  await first.stop();
  const again = await startBroker(folder);
  expect(again.store.recovered.wills).toEqual([]);
});

test('a message that was sent before a restart is sent again, however old it is by then', async () => {
  const folder = tempFolder();
  const limits = { queue: { age: 500 } };
  const before = await startBroker(folder, limits);
  const client = await before.client({ clientId: 'c', clean: false });
  await client.subscribe(['t', 1]);
  const publish = (payload: string) =>
    before.broker.publishLocal({
      topic: 't',
      payload: Buffer.from(payload),
      qos: 1,
      retain: false,
    });
  await publish('sent');
  expect(await client.next('publish')).toMatchObject({ payload: 'sent', dup: false });
  const sentAt = before.store.storedClock.now();
  client.destroy();
  await until('it is gone', () => before.broker.counts.connected === 0);
  await publish('never sent');
  await before.stop();
  const after = await startBroker(folder, limits);
  const { storedClock, journal } = after.store;
  await until('it is too old', () => storedClock.now() - sentAt > 600);
  for (let time = 0; time < 3; time++) {
    after.broker.sweep();
    await journal.flush();
  }
  const again = await after.client({ clientId: 'c', clean: false });
  expect(await again.next('publish')).toMatchObject({ payload: 'sent', dup: true });
  await again.quiet();
});

test('a client is disconnected by an operator, and its will is published', async () => {
  const { broker, client } = await startBroker(tempFolder());
  const watcher = await client({ clientId: 'watcher' });
  await watcher.subscribe(['will', 0]);
  const one = await client({ clientId: 'one', will: { topic: 'will', payload: 'gone' } });
  expect(broker.disconnectClient('nobody')).toBe(false);
  expect(broker.disconnectClient('one')).toBe(true);
  await one.gone();
  expect((await watcher.message()).payload).toBe('gone');
  await until('it has left', () => broker.counts.connected === 1, 30_000);
  expect(broker.disconnectClient('one')).toBe(false);
});

test('the packets of all clients are counted, also of those that have left', async () => {
  const { broker, client } = await startBroker(tempFolder());
  const [one, two] = [await client({ clientId: 'one' }), await client({ clientId: 'two' })];
  await one.subscribe(['t', 0]);
  await two.subscribe(['t', 0]);
  expect(broker.counts).toMatchObject({ connected: 2, maximum: 2, packetsReceived: 4 });
  await two.disconnect();
  await until('one is left', () => broker.counts.connected === 1, 30_000);
  expect(broker.counts).toMatchObject({ connected: 1, maximum: 2, packetsReceived: 5 });
});

test.each([
  ['DISCONNECT', Buffer.from([0xe0, 1, 0])],
  ['PINGREQ', Buffer.from([0xc0, 1, 0])],
])('a %s with a body ends the connection as lost', async (_, packet) => {
  const { client } = await startBroker(tempFolder());
  const watcher = await client({ clientId: 'watcher' });
  await watcher.subscribe(['will', 0]);
  const one = await client({ clientId: 'one', will: { topic: 'will', payload: 'lost' } });
  one.send(packet);
  await one.gone();
  expect((await watcher.message()).payload).toBe('lost');
});
