import { describe, expect, test } from 'vitest';
import type { Connection } from '../../../../src/broker/clients/connection.ts';
import { type ConnectionLimits, Connections } from '../../../../src/broker/clients/connections.ts';
import type { Handshake } from '../../../../src/broker/clients/handshake.ts';
import type { DataPlane } from '../../../../src/broker/messages/data-plane.ts';
import { OnceLog } from '../../../../src/broker/stats/once-log.ts';
import { TrafficCounters } from '../../../../src/broker/stats/traffic-counters.ts';
import { CONNECTION_LIMITS } from '../../../support/connection-parts.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { createFaults } from '../../../support/faults.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { memoryBudget } from '../../../support/memory.ts';
import * as packets from '../../../support/packets.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

function setUp(limits: Partial<ConnectionLimits> = {}) {
  const handler = new FakeHandler();
  const clock = createManualClock();
  const { log, lines } = createQuietLog();
  const lost: Connection[] = [];
  const gone: unknown[] = [];
  const reached: string[] = [];
  const opened = new Map<unknown, unknown>();
  const connections = new Connections({
    faults: createFaults(),
    limits: {
      ...CONNECTION_LIMITS,
      connections: 3,
      connectionsPerAddress: 2,
      connecting: 1000,
      packet: 1024,
      connectTimeout: 5000,
      packetTimeout: 300_000,
      ...limits,
    },
    clock,
    storedNow: () => 0,
    memory: memoryBudget(),
    traffic: new TrafficCounters(),
    log: new OnceLog(log, () => clock.monotonic()),
    reached: (key) => reached.push(key),
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
  /** Accepts a connection that sends its CONNECT; gives whether there is room for it. */
  const connect = (remoteAddress: string) => {
    const connection = accept(remoteAddress)!;
    return { connection, isOver: connections.isOverLimit(connection) };
  };
  return { connections, clock, lines, lost, gone, opened, reached, accept, connect, transports };
}

test('connections above a limit are accepted, so that they can be refused with a CONNACK', () => {
  const { connect, reached } = setUp();
  const [first, second, third] = [connect('192.0.2.1'), connect('192.0.2.1'), connect('192.0.2.1')];
  expect([first, second, third].map(({ isOver }) => isOver)).toEqual([false, false, true]);
  third.connection.close('test');
  second.connection.close('test');
  const again = connect('192.0.2.1');
  expect(again.isOver).toBe(false);
  expect(connect('192.0.2.2').isOver).toBe(false);
  expect(connect('192.0.2.3').isOver).toBe(true);
  expect(reached).toEqual(['connectionsPerAddress', 'connections']);
});

test('an address may have no more than its connections and 4,096 to refuse', () => {
  const { accept, lines } = setUp();
  for (let i = 0; i < 4098; i++) expect(accept('192.0.2.1')).toBeDefined();
  expect(accept('192.0.2.1')).toBeUndefined();
  expect(lines).toEqual(['connection closed']);
  expect(accept('192.0.2.2')).toBeDefined();
  expect(accept('192.0.2.2')).toBeUndefined();
});

test.each([
  ['loopback, in all its forms', ['127.0.0.1', '::1', '::ffff:127.0.0.1']],
  ['a /64 network of IPv6', ['2001:db8::1', '2001:db8::2:3', '2001:db8:0:0:ffff::1']],
])('%s counts as one address', (_name, addresses) => {
  const { connect } = setUp();
  expect(addresses.map((address) => connect(address).isOver)).toEqual([false, false, true]);
});

test('without a limit in the config one address has 100, the programs of this machine half of all', () => {
  const { connections, connect, accept } = setUp({
    connections: 1000,
    connectionsPerAddress: undefined,
  });
  const over = (address: string, count: number): number =>
    Array.from({ length: count }, () => connect(address)).filter(({ isOver }) => isOver).length;
  expect([over('192.0.2.1', 101), over('127.0.0.1', 501)]).toEqual([1, 1]);
  expect(connections.most).toEqual({ name: 'loopback', has: 501 });
  expect(accept('192.0.2.2')).toBeDefined();
});

describe('where there is no room for a client', () => {
  test('the oldest connection that had a second for its CONNECT is closed', async () => {
    const { accept, connect, reached, clock } = setUp();
    const [first, second] = [accept('192.0.2.1')!, accept('192.0.2.2')!];
    await clock.advance(1000);
    expect(connect('192.0.2.3').isOver).toBe(false);
    expect(connect('192.0.2.4').isOver).toBe(false);
    expect([first.closed, second.closed]).toEqual([true, false]);
    expect(connect('192.0.2.5').isOver).toBe(false);
    expect(second.closed).toBe(true);
    expect(connect('192.0.2.6').isOver).toBe(true);
    expect(reached).toEqual(['connections', 'connections', 'connections']);
  });

  test('in a crowd, a connection whose CONNECT may not have been read yet is not closed', async () => {
    const { accept, connect, clock } = setUp();
    const young = accept('192.0.2.1')!;
    await clock.advance(999);
    for (const host of [2, 3]) connect(`192.0.2.${host}`);
    expect(connect('192.0.2.4').isOver).toBe(true);
    expect(young.closed).toBe(false);
  });

  test('from its address, that is one of the same address', async () => {
    const { accept, connect, clock } = setUp();
    const other = accept('192.0.2.9')!;
    const silent = accept('192.0.2.1')!;
    await clock.advance(1000);
    connect('192.0.2.1');
    expect(connect('192.0.2.1').isOver).toBe(false);
    expect([other.closed, silent.closed]).toEqual([false, true]);
  });

  test('silent connections keep nobody out, however many there are', async () => {
    const { accept, connect, connections, clock } = setUp({ connecting: 10_000 });
    // The limit of 3, and those that may be refused with a CONNACK.
    for (let i = 0; i < 3 + 4096; i++) accept(`192.${i >> 8}.2.${i & 255}`);
    expect(accept('198.51.100.1')).toBeUndefined();
    await clock.advance(1000);
    expect(connect('198.51.100.1').isOver).toBe(false);
    expect(connections.counts.connected).toBe(3);
  });

  test('connections without a CONNECT have another limit, which closes the oldest that had time for it', async () => {
    const { accept, connections, clock } = setUp({
      connections: 1000,
      connectionsPerAddress: 1000,
      connecting: 5,
    });
    const all = Array.from({ length: 5 }, () => accept('192.0.2.1')!);
    await clock.advance(1000);
    all.push(...Array.from({ length: 3 }, () => accept('192.0.2.1')!));
    expect(all.map(({ closed }) => closed)).toEqual([
      ...Array(3).fill(true),
      ...Array(5).fill(false),
    ]);
    expect(connections.counts.connected).toBe(5);
  });
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
  for (const _part of connections.closeAll('the gateway stops', 0x8b));
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
  expect(connections.disconnectClient('other', 'test')).toBe(false);
  expect(connections.disconnectClient('c', 'test')).toBe(true);
  expect(connection.closed).toBe(true);
});

test('a crowd that is lost at once leaves the control plane and the log in several turns', async () => {
  const { accept, lost, lines } = setUp({ connections: 1000, connectionsPerAddress: 1000 });
  const all = Array.from({ length: 200 }, (_, i) => {
    const connection = accept('192.0.2.1')!;
    connection.session = { clientId: `c${i}` } as never;
    return connection;
  });
  for (const connection of all) connection.lost();
  expect(all.every(({ closed }) => closed)).toBe(true);
  expect([lost.length, lines.length]).toEqual([64, 64]);
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(lost).toEqual(all);
  expect(lines).toHaveLength(200);
});

test('connections that are overdue together are ended by several sweeps', async () => {
  const { connections, accept, clock } = setUp({ connections: 1000, connectionsPerAddress: 1000 });
  for (let i = 0; i < 500; i++) accept('192.0.2.1');
  await clock.advance(5001);
  const left = [0, 1, 2].map(() => {
    connections.sweep();
    return connections.counts.connected;
  });
  expect(left).toEqual([300, 100, 0]);
});
