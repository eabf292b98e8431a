import { expect, test } from 'vitest';
import { Connection } from '../../../../src/broker/clients/connection.ts';
import type { Session } from '../../../../src/broker/messages/session.ts';
import { PUBACK_HEADER } from '../../../../src/mqtt/codec.ts';
import type { PendingAck } from '../../../../src/queue/pending-ack.ts';
import { connectionParts } from '../../../support/connection-parts.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { settle } from '../../../support/manual-clock.ts';
import * as packets from '../../../support/packets.ts';

/** A session that sends nothing. */
const session = { connect: () => undefined, drained: () => undefined } as unknown as Session;

function connected() {
  const transport = new FakeTransport();
  const handler = new FakeHandler();
  let now = 0;
  const parts = connectionParts(handler.handlers, { now: () => now });
  const connection = new Connection(transport, parts);
  connection.data(packets.connect());
  connection.open(session);
  const pendingAcks: PendingAck[] = [];
  return {
    transport,
    handler,
    connection,
    pendingAcks,
    turn: (ms: number) => {
      now += ms;
    },
    /** Every PUBLISH is acknowledged when its pendingAck is done. */
    ackAllWhenStored() {
      handler.onPublish = (self, _publication, packetId) => {
        pendingAcks.push(self.ackWhenStored(PUBACK_HEADER, packetId));
      };
    },
    store(count: number) {
      for (const pendingAck of pendingAcks.splice(0, count)) pendingAck.done();
    },
  };
}

function publishes(count: number, first = 1): Buffer {
  const all: Buffer[] = [];
  for (let id = first; id < first + count; id++) {
    all.push(packets.publish('t', `message ${id}`, { qos: 1, id }));
  }
  return Buffer.concat(all);
}

function acknowledged(bytes: Buffer): number[] {
  const ids: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    expect(bytes[at]).toBe(PUBACK_HEADER);
    ids.push(bytes.readUInt16BE(at + 2));
  }
  return ids;
}

test('acknowledgements leave in the order of the packets, whatever the order of the disk', async () => {
  const { connection, transport, handler, pendingAcks, ackAllWhenStored } = connected();
  ackAllWhenStored();
  connection.data(publishes(3));
  handler.onPublish = (self, _publication, packetId) => self.acknowledge(PUBACK_HEADER, packetId);
  connection.data(publishes(1, 4));
  const [first, second, third] = pendingAcks;
  third!.done();
  second!.done();
  await settle();
  expect(acknowledged(transport.take())).toEqual([]);
  first!.done();
  await settle();
  expect(acknowledged(transport.take())).toEqual([1, 2, 3, 4]);
});

test('a client with thousands of pending acknowledgements is not read until they are done', async () => {
  const { connection, transport, handler, ackAllWhenStored, store } = connected();
  ackAllWhenStored();
  connection.data(publishes(10_000));
  expect(transport.paused).toBe(true);
  const taken = handler.heard.length;
  expect(taken).toBeLessThan(4200);
  // What was kept meanwhile brings as many again: it stays unread.
  store(3500);
  await settle();
  expect(handler.heard.length).toBeGreaterThan(taken);
  expect(transport.paused).toBe(true);
  for (let round = 0; round < 10; round++) {
    store(10_000);
    await settle();
  }
  expect(transport.paused).toBe(false);
  expect(handler.heard).toHaveLength(10_001);
  const ids = acknowledged(transport.take());
  expect(ids).toHaveLength(10_000);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
});

test('acknowledgements that only wait for their turn are bounded too', () => {
  const { connection, transport, handler, ackAllWhenStored } = connected();
  ackAllWhenStored();
  connection.data(publishes(1));
  handler.onPublish = (self, _publication, packetId) => self.acknowledge(PUBACK_HEADER, packetId);
  connection.data(publishes(10_000, 2));
  expect(transport.paused).toBe(true);
  expect(handler.heard.length).toBeLessThan(4200);
});

test('a client with too many pending acknowledgements before CONNACK stays unread after it', () => {
  const transport = new FakeTransport();
  const handler = new FakeHandler();
  const connection = new Connection(transport, connectionParts(handler.handlers));
  handler.onPublish = (self, _publication, packetId) =>
    void self.ackWhenStored(PUBACK_HEADER, packetId);
  connection.data(Buffer.concat([packets.connect(), publishes(5000)]));
  connection.open(session);
  expect(transport.paused).toBe(true);
});

test("acknowledgements done during one client's packet do not read another client's packets in the middle of it", async () => {
  const a = connected();
  const b = connected();
  b.ackAllWhenStored();
  b.connection.data(publishes(6000));
  const seen: string[] = [];
  a.handler.onPublish = (_self, publication) => {
    b.store(6000);
    const { source, payloadStart, end } = publication;
    seen.push(source.toString('utf8', payloadStart, end));
  };
  a.connection.data(packets.publish('t', 'from a', { qos: 1, id: 7 }));
  expect(seen).toEqual(['from a']);
  await settle();
  expect(b.handler.heard).toHaveLength(6001);
});

test('a client that is not read because of the disk is not silent', async () => {
  const { connection, ackAllWhenStored, store, turn } = connected();
  connection.life.silenceLimitMs = 1500;
  ackAllWhenStored();
  connection.data(publishes(5000));
  turn(60_000);
  expect(connection.overdue).toBe(false);
  for (let round = 0; round < 3; round++) {
    store(5000);
    await settle();
  }
  expect(connection.overdue).toBe(false);
  turn(1501);
  expect(connection.overdue).toBe(true);
});

test('a client that reads nothing and sends more requests is closed', async () => {
  const { connection, transport, handler } = connected();
  handler.onPublish = (self, _publication, packetId) => self.acknowledge(PUBACK_HEADER, packetId);
  const asks = publishes(60_000);
  const closed = (): boolean => handler.heard.at(-1)?.startsWith('closed') ?? false;
  // Large messages that a slow reader has not read do not count.
  transport.clog(100 * 1024 * 1024);
  connection.data(asks);
  await settle();
  expect(closed()).toBe(false);
  for (let round = 0; round < 40 && !closed(); round++) {
    connection.data(asks);
    await settle();
    handler.heard.splice(0, handler.heard.length - 1);
  }
  expect(handler.heard.at(-1)).toBe('closed: reads too slowly what it asks for');
  expect(transport.calls).toContain('end');
});

test('a closed connection sends nothing and reads nothing, whatever is stored later', async () => {
  const { connection, transport, handler, ackAllWhenStored, store } = connected();
  ackAllWhenStored();
  connection.data(publishes(5000));
  connection.close('test');
  transport.take();
  store(5000);
  connection.data(publishes(1));
  await settle();
  expect(transport.take()).toHaveLength(0);
  expect(handler.heard.filter((line) => line.startsWith('closed'))).toEqual(['closed: test']);
  const heard = handler.heard.length;
  await settle();
  expect(handler.heard).toHaveLength(heard);
});

test('losing the transport while it is not read ends the connection', async () => {
  const { connection, handler, ackAllWhenStored, store } = connected();
  ackAllWhenStored();
  connection.data(publishes(5000));
  connection.lost();
  store(5000);
  await settle();
  expect(handler.heard.at(-1)).toBe('closed: connection lost');
});

test('an unfinished packet is the doing of its client, also while it waits for its turn, not while it is held up', () => {
  const { connection } = connected();
  connection.data(publishes(1).subarray(0, 8));
  expect(connection.unfinishedBytes).toBe(8);
  connection.pauseReading('turn');
  expect(connection.unfinishedBytes).toBe(8);
  connection.pauseReading('subscribers');
  expect(connection.unfinishedBytes).toBe(0);
});
