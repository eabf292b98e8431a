import { afterEach, expect, test, vi } from 'vitest';
import { SendBuffer } from '../../../src/broker/clients/send-buffer.ts';
import type { Publication } from '../../../src/broker/messages/publication.ts';
import { NEVER } from '../../../src/mqtt/properties.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { topicOf } from '../../../src/queue/queue-entry.ts';
import { exportQueue } from '../../../src/store/admin/queue-admin.ts';
import type { Operation } from '../../../src/store/commit/batch.ts';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../src/store/database/database.ts';
import { startBroker } from '../../support/broker.ts';
import * as packets from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

afterEach(() => vi.restoreAllMocks());

/** A function that throws where the condition holds, and otherwise does what it did. */
function failing<Args extends unknown[], Result>(
  act: (...args: Args) => Result,
  when: (...args: Args) => boolean,
): (...args: Args) => Result {
  return (...args) => {
    if (when(...args)) throw new Error('made to throw');
    return act(...args);
  };
}

/** Makes the sending of messages throw where the condition holds. */
function failToSend(when: () => boolean): void {
  const { publish } = SendBuffer.prototype;
  vi.spyOn(SendBuffer.prototype, 'publish').mockImplementation(function (
    this: SendBuffer,
    ...given
  ) {
    if (when()) throw new Error('made to throw');
    return publish.apply(this, given);
  });
}

const refusedIn = (folder: string) =>
  [...exportQueue(folder, 'refused/cellgate.broker')].map(({ topic, payload, reason }) => ({
    ...{ topic, payload, reason },
  }));

test('packet: the client is closed, and the others go on', async () => {
  const { store, client, faults, records } = await startBroker(tempFolder());
  const other = await client();
  const bad = await client({ clientId: 'bad' });
  const { journal } = store;
  Object.defineProperty(journal, 'congested', {
    configurable: true,
    get: failing(
      () => false,
      () => true,
    ),
  });
  bad.send(packets.publish('t', 'x', { qos: 1 }));
  await bad.closed();
  Object.defineProperty(journal, 'congested', { value: false });
  await other.publish('t', 'y', { qos: 1 });
  expect(faults.counts).toMatchObject({ packet: 1, delivery: 0 });
  const reason = 'a fault of the gateway, handling a packet of client bad: Error: made to throw';
  expect(records.filter((record) => record.client === 'bad')).toMatchObject([{ reason }]);
  expect(faults.trouble()).toContain('handling a packet of client bad: Error: made to throw');
});

test('packet: a QoS 2 message at which it happened is delivered when it comes again', async () => {
  const { store, client, faults } = await startBroker(tempFolder());
  const subscriber = await client();
  await subscriber.subscribe(['t', 2]);
  const { journal } = store;
  journal.add = failing(journal.add.bind(journal), ([name]) => name === 'incoming');
  const before = await client({ clientId: 'p', clean: false });
  before.send(packets.publish('t', 'once', { qos: 2, id: 7 }));
  await before.closed();
  expect(faults.counts.packet).toBe(1);
  delete (journal as { add?: unknown }).add;
  const again = await client({ clientId: 'p', clean: false });
  again.send(packets.publish('t', 'once', { qos: 2, id: 7, dup: true }));
  expect((await again.next('pubrec')).id).toBe(7);
  expect((await subscriber.message()).payload).toBe('once');
});

test.each([0, 1, 2] as const)(
  'delivery: a message of QoS %i that one subscriber fails on is set aside, acknowledged, and reaches the others',
  async (qos) => {
    const folder = tempFolder();
    const { broker, client, faults, stop } = await startBroker(folder);
    const deliver = failing(
      (_publication: Publication) => undefined,
      ({ topic }) => topic === 'bad',
    );
    const detach = broker.attach('#', {
      label: 'uplink plant',
      persistent: true,
      backlogged: undefined,
      deliver,
    });
    const before = await client({ clientId: 'before', clean: false });
    await before.subscribe(['#', 2]);
    const publisher = await client({ clientId: 'p', clean: qos < 2 });
    for (const topic of ['good', 'bad', 'better']) {
      await publisher.publish(topic, `${topic} ${qos}`, { qos });
    }
    const got = (await before.messages(3)).map(({ topic }) => topic);
    expect(got).toEqual(['good', 'bad', 'better']);
    expect(faults.counts.delivery).toBe(1);
    detach();
    await stop();
    const reason =
      'a fault of the gateway, delivering a message of "bad" to uplink plant: Error: made to throw';
    expect(refusedIn(folder)).toEqual([{ topic: 'bad', payload: `bad ${qos}`, reason }]);
  },
);

test('delivery: a message that can not be queued for an absent client is set aside before it is acknowledged', async () => {
  const folder = tempFolder();
  const { store, client, stop } = await startBroker(folder);
  const absent = await client({ clientId: 'absent', clean: false });
  await absent.subscribe(['#', 1]);
  await absent.disconnect();
  const { journal } = store;
  const isBad = (entry: QueueEntry, _mayWait: boolean): boolean => topicOf(entry) === 'bad';
  journal.enqueue = failing(journal.enqueue.bind(journal), isBad);
  const publisher = await client();
  for (const topic of ['good', 'bad', 'better']) await publisher.publish(topic, 'x', { qos: 1 });
  expect(refusedIn(folder)).toMatchObject([{ topic: 'bad' }]);
  const back = await client({ clientId: 'absent', clean: false });
  expect((await back.messages(2)).map(({ topic }) => topic)).toEqual(['good', 'better']);
  await stop();
});

test('delivery: queued messages that can not be sent are set aside one by one, the others are sent', async () => {
  const folder = tempFolder();
  const { client, stop, faults } = await startBroker(folder);
  const absent = await client({ clientId: 'absent', clean: false });
  await absent.subscribe(['#', 1]);
  await absent.disconnect();
  const publisher = await client();
  for (let i = 0; i < 30; i++) await publisher.publish(`t/${i}`, 'x', { qos: 1 });
  let sent = 0;
  failToSend(() => sent++ % 3 === 0);
  const back = await client({ clientId: 'absent', clean: false });
  const topics = (await back.messages(20)).map(({ topic }) => topic);
  expect(topics).toEqual([...Array(30).keys()].filter((i) => i % 3 > 0).map((i) => `t/${i}`));
  expect(faults.counts.delivery).toBe(10);
  await back.quiet();
  await stop();
  expect(refusedIn(folder)).toHaveLength(10);
});

test('delivery: a message that can not be sent again does not keep its client from connecting', async () => {
  const folder = tempFolder();
  const { store, client, stop } = await startBroker(folder);
  const first = await client({ clientId: 'c', clean: false });
  await first.subscribe(['#', 1]);
  const publisher = await client();
  await publisher.publish('a', 'x', { qos: 1 });
  await publisher.publish('b', 'x', { qos: 1 });
  await first.next('publish');
  await first.next('publish');
  first.destroy();
  await waitFor(() => expect(store.journal.waiting).toBe(0));
  let sent = 0;
  failToSend(() => sent++ === 0);
  const second = await client({ clientId: 'c', clean: false });
  expect((await second.message()).topic).toBe('b');
  await second.quiet();
  await stop();
  expect(refusedIn(folder)).toMatchObject([{ topic: 'a' }]);
});

test('control: the client is closed, and the others connect', async () => {
  const { store, client, faults, port } = await startBroker(tempFolder());
  const { journal } = store;
  const opensBad = ([name, , clientId]: Operation): boolean =>
    name === 'openSession' && clientId === 'bad';
  journal.add = failing(journal.add.bind(journal), opensBad);
  for (let i = 0; i < 3; i++) {
    const bad = await RawClient.open('tcp', port);
    bad.send(packets.connect({ clientId: 'bad', clean: false }));
    await bad.closed();
  }
  await client({ clientId: 'good', clean: false });
  expect(faults.counts.control).toBe(3);
});

test('command: a receiver that rejects is counted', async () => {
  const { broker, client, faults } = await startBroker(tempFolder());
  broker.subscribeLocal('cell/lamp/set', async () => {
    await Promise.resolve();
    throw new Error('made to throw');
  });
  const publisher = await client();
  await publisher.publish('cell/lamp/set', 'on', { qos: 1 });
  await waitFor(() => expect(faults.counts.command).toBe(1));
});

test('commit: what throws at an acknowledgement holds up no other', async () => {
  const { store, client, faults } = await startBroker(tempFolder());
  const absent = await client({ clientId: 'absent', clean: false });
  await absent.subscribe(['#', 1]);
  await absent.disconnect();
  const { journal } = store;
  let first = true;
  journal.enqueue = new Proxy(journal.enqueue, {
    apply(enqueue, _this, [entry, mayWait]: [QueueEntry, boolean]) {
      const { pendingAck } = entry.message;
      if (first && pendingAck) {
        const done = pendingAck.done.bind(pendingAck);
        pendingAck.done = failing(done, () => entry.written > 0);
      }
      first = false;
      enqueue.call(journal, entry, mayWait);
    },
  });
  const bad = await client();
  bad.send(packets.publish('bad', 'x', { qos: 1 }));
  const good = await client();
  await good.publish('good', 'x', { qos: 1 });
  await good.publish('good', 'x', { qos: 1 });
  expect(faults.counts.commit).toBe(1);
});

test('load: what can not be loaded does not keep the broker from starting, and is told', async () => {
  const folder = tempFolder();
  const { store: before } = await startStore(folder);
  const { journal } = before;
  const payload = Buffer.from('x');
  journal.add(['openSession', 9, 'absent', 0, NEVER]);
  journal.add(['subscribe', 9, '#', 1, 0, 0]);
  await before.stop();
  const db = openConnection(databaseFile(folder));
  const long = 'x'.repeat(70_000);
  const retain = db.prepare('INSERT INTO retained (topic, qos, payload) VALUES (?, 1, ?)');
  for (const topic of [`a${long}`, 'good', `b${long}`]) retain.run(topic, payload);
  const will = db.prepare(
    'INSERT INTO will (client_id, topic, qos, retain, payload) VALUES (?, ?, 1, 0, ?)',
  );
  for (const topic of [`a${long}`, 'gone', `b${long}`]) will.run(topic.slice(0, 4), topic, payload);
  db.prepare(`UPDATE meta SET value = 0 WHERE key = 'stopped'`).run();
  db.close();
  const { client, store } = await startBroker(folder);
  const absent = await client({ clientId: 'absent', clean: false });
  expect((await absent.message()).topic).toBe('gone');
  const late = await client();
  await late.subscribe(['#', 1]);
  expect((await late.message()).topic).toBe('good');
  await late.quiet();
  // Two retained messages and two wills, which the store sets aside before the broker loads the others.
  expect(store.troubles().join()).toMatch(/^4 .*set aside/);
});
