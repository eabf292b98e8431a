import { expect, test } from 'vitest';
import type { Connection } from '../../../../src/broker/clients/connection.ts';
import { Connections } from '../../../../src/broker/clients/connections.ts';
import type { Handshake } from '../../../../src/broker/clients/handshake.ts';
import type { DataPlane } from '../../../../src/broker/messages/data-plane.ts';
import { MemoryBudget } from '../../../../src/broker/messages/memory-budget.ts';
import { OnceLog } from '../../../../src/broker/stats/once-log.ts';
import { TrafficCounters } from '../../../../src/broker/stats/traffic-counters.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import * as packets from '../../../support/packets.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

function setUp() {
  const handler = new FakeHandler();
  const clock = createManualClock();
  const { log, lines } = createQuietLog();
  const lost: Connection[] = [];
  const gone: unknown[] = [];
  const opened = new Map<unknown, unknown>();
  const connections = new Connections({
    limits: {
      connections: 3,
      connectionsPerAddress: 2,
      packet: 1024,
      connectTimeout: 5000,
      packetTimeout: 300_000,
    },
    clock,
    memory: new MemoryBudget(),
    traffic: new TrafficCounters(),
    log: new OnceLog(log, () => clock.monotonic()),
    plane: {
      sessions: { clientGone: (session: unknown) => gone.push(session) },
      subscriptions: handler,
    } as unknown as DataPlane,
    handshake: {
      connect: () => undefined,
      sessionOf: (connection: Connection) => opened.get(connection),
    } as unknown as Handshake,
    control: {
      ping: () => undefined,
      disconnect: () => undefined,
      lost: (connection) => lost.push(connection),
    },
  });
  const transports: FakeTransport[] = [];
  const accept = (remoteAddress: string) => {
    const transport = Object.assign(new FakeTransport(), { remoteAddress });
    transports.push(transport);
    return connections.accept(transport) as Connection | undefined;
  };
  return { connections, clock, lines, lost, gone, opened, accept, transports };
}

test('connections above a limit are accepted, so that they can be refused with a CONNACK', () => {
  const { connections, accept } = setUp();
  const [first, second, third] = [accept('192.0.2.1')!, accept('192.0.2.1')!, accept('192.0.2.1')!];
  expect([first, second, third].every((each) => connections.isOverLimit(each))).toBe(true);
  third.close('test');
  expect(connections.isOverLimit(first)).toBe(false);
  const fourth = accept('192.0.2.1')!;
  expect(connections.isOverLimit(fourth)).toBe(true);
  fourth.close('test');
  accept('192.0.2.2');
  expect(connections.isOverLimit(first)).toBe(false);
  accept('192.0.2.3');
  expect(connections.isOverLimit(first)).toBe(true);
});

test('an address may have no more than its connections and 4,096 to refuse', () => {
  const { accept, lines } = setUp();
  for (let i = 0; i < 4098; i++) expect(accept('192.0.2.1')).toBeDefined();
  expect(accept('192.0.2.1')).toBeUndefined();
  expect(lines).toEqual(['connection closed']);
  expect(accept('192.0.2.2')).toBeDefined();
  expect(accept('192.0.2.2')).toBeUndefined();
});

test('loopback has no limit of its own', () => {
  const { connections, accept } = setUp();
  const local = [accept('127.0.0.1')!, accept('127.0.0.1')!, accept('127.0.0.1')!];
  expect(local.some((each) => connections.isOverLimit(each))).toBe(false);
});

test('counts go on over the end of connections', () => {
  const { connections, accept } = setUp();
  const first = accept('192.0.2.1')!;
  accept('192.0.2.2');
  first.data(packets.connect());
  first.close('test');
  expect(connections.counts).toEqual({ connected: 1, maximum: 2, packetsReceived: 1 });
});

test('an end before CONNACK ends the session that was opened, and its will is due', () => {
  const { accept, opened, gone, lost, lines } = setUp();
  const connection = accept('192.0.2.1')!;
  const session = { clientId: 'c' };
  opened.set(connection, session);
  connection.lost();
  connection.lost();
  expect(gone).toEqual([session]);
  expect(lost).toEqual([connection]);
  expect(lines).toEqual(['connection closed']);
});

test('a client that has sent DISCONNECT is neither lost nor logged', () => {
  const { accept, lost, lines } = setUp();
  const connection = accept('192.0.2.1')!;
  connection.data(packets.connect());
  connection.open({ connect: () => undefined } as never);
  connection.data(packets.disconnect);
  connection.lost();
  expect(connection.leaving).toBe(true);
  expect([lost, lines]).toEqual([[], []]);
});

test('while the gateway stops nothing is accepted, and ends are not logged', () => {
  const { connections, accept, lost, lines } = setUp();
  const connection = accept('192.0.2.1')!;
  connections.stopAccepting();
  connections.closeAll('the gateway stops');
  expect(lost).toEqual([connection]);
  expect(lines).toEqual([]);
  expect(accept('192.0.2.2')).toBeUndefined();
});

test('a sweep closes the connections that send no CONNECT in time', async () => {
  const { connections, accept, clock } = setUp();
  const connection = accept('192.0.2.1')!;
  await clock.advance(5000);
  connections.sweep();
  expect(connection.closed).toBe(false);
  await clock.advance(1);
  connections.sweep();
  expect(connection.closed).toBe(true);
  expect(connections.counts.connected).toBe(0);
});

test('a CONNECT that the gateway could not answer in time gets return code 3', async () => {
  const { connections, accept, clock, transports } = setUp();
  const connection = accept('192.0.2.1')!;
  connection.data(packets.connect());
  await clock.advance(5001);
  connections.sweep();
  expect(connection.closed).toBe(true);
  expect(transports[0]!.take().toString('hex')).toBe('20020003');
});

test('an operator disconnects a client by its id', () => {
  const { connections, accept } = setUp();
  const connection = accept('192.0.2.1')!;
  connection.session = { clientId: 'c' } as never;
  expect(connections.disconnectClient('other')).toBe(false);
  expect(connections.disconnectClient('c')).toBe(true);
  expect(connection.closed).toBe(true);
});
