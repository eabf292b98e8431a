import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../../src/base/clock.ts';
import { Connection } from '../../../../src/broker/clients/connection.ts';
import type { Session } from '../../../../src/broker/messages/session.ts';
import { startBroker } from '../../../support/broker.ts';
import { CONNECTION_LIMITS, connectionParts } from '../../../support/connection-parts.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { settle } from '../../../support/manual-clock.ts';
import * as packets from '../../../support/packets.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { until } from '../../../support/until.ts';
import { waitFor } from '../../../support/wait-for.ts';

const session = { connect: () => undefined, drained: () => undefined } as unknown as Session;

/** A connected client with a keepalive of 3 s, on a clock that the test moves. */
function connected(packetTimeout = 60_000) {
  const handler = new FakeHandler();
  const transport = new FakeTransport();
  let now = 0;
  const limits = { ...CONNECTION_LIMITS, packetTimeout };
  const connection = new Connection(
    transport,
    connectionParts(handler.handlers, { now: () => now, limits }),
  );
  connection.data(packets.connect());
  connection.open(session);
  connection.life.silenceLimitMs = 4500;
  return {
    connection,
    handler,
    transport,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

const LARGE = packets.publish('t', 'x'.repeat(60_000), { qos: 1, id: 1 });

describe('bytes of an unfinished packet', () => {
  test('are a sign of life: 60 kB in 9 s at a keepalive of 3 s arrive', () => {
    const { connection, handler, pass } = connected();
    for (let at = 0; at < LARGE.length; at += 6700) {
      connection.data(LARGE.subarray(at, at + 6700));
      pass(1000);
      expect(connection.overdue).toBe(false);
    }
    expect(handler.heard.at(-1)).toMatch(/^publish 1 x/);
  });

  test('are none once they stop', () => {
    const { connection, pass } = connected();
    connection.data(LARGE.subarray(0, 30_000));
    pass(4501);
    expect(connection.overdue).toBe(true);
  });

  test.each([4500, 0])(
    'do not go on without end: one packet has packetTimeout, whatever the keepalive (%i ms)',
    (silenceLimitMs) => {
      const { connection, pass } = connected();
      connection.life.silenceLimitMs = silenceLimitMs;
      for (let second = 0; second < 60; second++) {
        connection.data(LARGE.subarray(second, second + 1));
        pass(1000);
        expect(connection.slowPacket).toBe(false);
      }
      connection.data(LARGE.subarray(60, 61));
      pass(1);
      expect(connection.slowPacket).toBe(true);
    },
  );

  test('have a time for each packet, not for all of them', () => {
    const { connection, pass } = connected();
    const two = Buffer.concat([LARGE, LARGE]);
    for (let at = 0; at < two.length; at += 1200) {
      connection.data(two.subarray(at, at + 1200));
      pass(1000);
      expect(connection.slowPacket).toBe(false);
    }
    // Between packets there is none to wait for.
    pass(1_000_000);
    expect(connection.slowPacket).toBe(false);
  });

  test('have no time that runs while the gateway does not read', async () => {
    const { connection, pass } = connected();
    connection.data(LARGE.subarray(0, 100));
    connection.pauseReading('disk');
    pass(1_000_000);
    expect([connection.slowPacket, connection.overdue]).toEqual([false, false]);
    connection.resumeReading('disk');
    await settle();
    expect([connection.slowPacket, connection.overdue]).toEqual([false, false]);
  });

  test('of a CONNECT do not prolong connectTimeout', () => {
    const transport = new FakeTransport();
    let now = 0;
    const parts = connectionParts(new FakeHandler().handlers, { now: () => now });
    const connection = new Connection(transport, parts);
    const connect = packets.connect();
    for (let at = 0; at < 6; at++) {
      connection.data(connect.subarray(at, at + 1));
      now += 1000;
    }
    expect(connection.overdue).toBe(true);
  });
});

test('a client that is held because of the disk for longer than its keepalive stays', async () => {
  const { connection, pass } = connected();
  connection.pauseReading('disk');
  pass(60_000);
  expect(connection.overdue).toBe(false);
  connection.resumeReading('disk');
  await settle();
  pass(4500);
  expect(connection.overdue).toBe(false);
  pass(1);
  expect(connection.overdue).toBe(true);
});

test.each(['tcp', 'ws'] as const)(
  'over %s a packet that comes slowly arrives, one that never ends is cut off and logged',
  async (protocol) => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now };
    const limits = { packetTimeout: 20_000 };
    const { broker, port, records } = await startBroker(tempFolder(), limits, {}, protocol, clock);
    const received: number[] = [];
    broker.subscribeLocal('t', ({ payload }) => received.push(payload.length));
    const client = await RawClient.open(protocol, port);
    onTestFinished(() => client.destroy());
    await client.connect({ keepalive: 2, clientId: 'slow' });
    /** The broker has read these bytes; then a second passes, of which its keepalive allows three. */
    const sendSlowly = async (bytes: Buffer): Promise<void> => {
      const before = broker.traffic.bytesReceived;
      client.send(bytes);
      await until('they are read', () => broker.traffic.bytesReceived >= before + bytes.length);
      now += 1000;
      broker.sweep();
    };
    for (let at = 0; at < LARGE.length; at += 5000) {
      await sendSlowly(LARGE.subarray(at, at + 5000));
    }
    await client.next('puback');
    expect(received).toEqual([60_000]);
    await sendSlowly(LARGE.subarray(0, 100));
    for (let second = 1; second < 20; second++) await sendSlowly(Buffer.alloc(1, 0x41));
    expect(broker.counts.connected).toBe(1);
    now += 1001;
    broker.sweep();
    await client.gone();
    expect(records).toContainEqual(
      expect.objectContaining({
        client: 'slow',
        reason: 'a packet took longer than broker.limits.packetTimeout',
      }),
    );
  },
);

test('over a WebSocket the bytes of one large frame are a sign of life too', {
  timeout: 20_000,
}, async () => {
  const { port, broker } = await startBroker(tempFolder(), {}, {}, 'ws');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'], {
    perMessageDeflate: false,
  });
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  socket.send(packets.connect({ keepalive: 2 }));
  await once(socket, 'message');
  const header = Buffer.alloc(14);
  header.set([0x82, 0xff]);
  header.writeUInt32BE(LARGE.length, 6);
  const frame = Buffer.concat([header, LARGE]);
  const raw = (socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
  // It takes longer than the keepalive allows, in parts that are far from that: no event tells that one was read.
  for (let at = 0; at < frame.length; at += 5000) {
    raw.write(frame.subarray(at, at + 5000));
    await delay(300);
  }
  await waitFor(() => expect(broker.traffic.publishReceived).toBe(1));
  expect(broker.counts.connected).toBe(1);
});

test('where unfinished packets fill their memory, the largest of them is cut off, not the next one', async () => {
  const { broker, client, records } = await startBroker(tempFolder(), {
    packet: 20 * 1024 * 1024,
    retainedBytes: 1,
  });
  const greedy = await Promise.all(
    Array.from({ length: 5 }, (_, i) => client({ clientId: `greedy${i}` })),
  );
  const other = await client({ clientId: 'other' });
  const claim = Buffer.from([0x30, 0x80, 0x80, 0x80, 0x08]);
  for (const each of greedy) each.send(claim, Buffer.alloc(15 * 1024 * 1024, 0x41));
  await waitFor(() => expect(records.some(({ msg }) => msg === 'connection closed')).toBe(true));
  const { bytesReceived } = broker.traffic;
  other.send(LARGE.subarray(0, 1000));
  await until('a part of it is read', () => broker.traffic.bytesReceived > bytesReceived);
  other.send(LARGE.subarray(1000));
  await other.next('puback');
  expect(records.filter(({ msg }) => msg === 'connection closed')).not.toContainEqual(
    expect.objectContaining({ client: 'other' }),
  );
});
