import { expect, test } from 'vitest';
import type { Access } from '../../../../src/access/access.ts';
import { Connection } from '../../../../src/broker/clients/connection.ts';
import { Handshake, type HandshakeParts } from '../../../../src/broker/clients/handshake.ts';
import type { DataPlane } from '../../../../src/broker/messages/data-plane.ts';
import { OnceLog } from '../../../../src/broker/stats/once-log.ts';
import { LIMITS } from '../../../support/broker.ts';
import { connectionParts } from '../../../support/connection-parts.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { settle } from '../../../support/manual-clock.ts';
import * as packets from '../../../support/packets.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';

interface Options {
  /** Answers access; without it there are no access rules. */
  readonly admit?: () => Promise<object>;
  readonly present?: boolean;
  readonly isOverLimit?: boolean;
  readonly hasRoom?: boolean;
  /** Takes what is called when all subscriptions have been compared with the rights; at once by default. */
  readonly review?: (ended: (error?: unknown) => void) => void;
}

function setUp({
  admit,
  present = false,
  isOverLimit = false,
  hasRoom = true,
  review = (ended) => ended(),
}: Options = {}) {
  const handler = new FakeHandler();
  const { log, lines } = createQuietLog();
  const calls: string[] = [];
  const session = { clientId: 'c', connect: () => calls.push('session connected') };
  const parts: HandshakeParts = {
    plane: {
      sessions: {
        byClientId: new Map(),
        openSession: (id: string, clean: boolean) => {
          calls.push(`open ${id} ${clean}`);
          return { session, present };
        },
        setOwner: (_session: unknown, user: string) => calls.push(`owner ${user}`),
      },
      absent: { hasRoomFor: () => hasRoom },
      subscriptions: {
        revokeSubscriptions(_session: unknown, _rights: unknown, ended: () => void) {
          calls.push('revoke');
          review(ended);
        },
      },
    } as unknown as DataPlane,
    limits: LIMITS,
    drops: { count: (...drop) => void calls.push(`drop ${drop.join(' ')}`) },
    log: new OnceLog(log, () => 0),
    access: { hasRules: admit !== undefined, admit } as unknown as Access,
    isOverLimit: () => isOverLimit,
    failed: (_connection, error) => String(error),
    connecting: () => undefined,
    connect: () => calls.push('control'),
    accepted: () => undefined,
  };
  const handshake = new Handshake(parts);
  const transport = new FakeTransport();
  const handlers = { ...handler.handlers, handshake };
  const connection = new Connection(transport, connectionParts(handlers));
  const sent = async () => {
    await settle();
    return transport.take().toString('hex');
  };
  return { handshake, connection, sent, calls, lines };
}

test('a client above the limit is refused with return code 3', async () => {
  const { connection, sent, calls } = setUp({ isOverLimit: true });
  connection.data(packets.connect());
  expect(await sent()).toBe('20020003');
  expect(connection.closed).toBe(true);
  expect(calls).toEqual([]);
});

test('without access rules CONNECT goes to the control plane at once', () => {
  const { connection, calls } = setUp();
  connection.data(packets.connect());
  expect(calls).toEqual(['control']);
});

test.each([
  ['refused', () => Promise.resolve({ reason: 'wrong password', returnCode: 4 }), '20020004', []],
  [
    'not checked, which is logged',
    () => Promise.reject(new Error('no memory')),
    '20020003',
    ['could not check the access of a CONNECT'],
  ],
])('a client whose access is %s gets its CONNACK and is closed', async (_name, admit, hex, log) => {
  const { connection, sent, calls, lines } = setUp({ admit });
  connection.data(packets.connect());
  expect(await sent()).toBe(hex);
  expect(connection.closed).toBe(true);
  expect(calls).toEqual([]);
  expect(lines).toEqual(log);
});

test('a client that closes while its access is checked is not connected', async () => {
  const admitted = { identity: { user: 'u' }, rights: {} };
  const { connection, calls } = setUp({ admit: () => Promise.resolve(admitted) });
  connection.data(packets.connect());
  connection.lost();
  await settle();
  expect(calls).toEqual([]);
});

test('a client for whose session there is no room is refused with return code 3', async () => {
  const { connection, sent, calls } = setUp({ hasRoom: false });
  connection.data(packets.connect({ clean: false, clientId: 'c' }));
  expect(await sent()).toBe('20020003');
  expect([connection.closed, calls]).toEqual([true, []]);
});

test('an admitted client gets a session that its user owns, and only subscriptions that it may have', async () => {
  const admitted = { identity: { user: 'u' }, rights: {} };
  const { handshake, connection, calls } = setUp({ admit: () => Promise.resolve(admitted) });
  connection.data(packets.connect({ clean: false, clientId: 'c' }));
  await settle();
  handshake.registered(connection, 'c');
  expect(calls).toEqual(['control', 'open c false', 'owner u', 'revoke']);
});

test.each([
  ['MQTT', 4, '20020100'],
  ['MQIsdp', 3, '20020000'],
])('%s: CONNACK says whether the session was there, where it can', async (protocol, level, hex) => {
  const { handshake, connection, sent, calls } = setUp({ present: true });
  connection.data(packets.connect({ protocol, level, clientId: 'c', clean: false, keepalive: 10 }));
  handshake.registered(connection, 'c');
  expect(handshake.sessionOf(connection)?.clientId).toBe('c');
  expect(connection.session).toBeUndefined();
  handshake.connack(connection, 0);
  expect(await sent()).toBe(hex);
  expect(connection.session?.clientId).toBe('c');
  expect(connection.life.silenceLimitMs).toBe(15_000);
  expect(calls).toEqual(['control', 'open c false', 'session connected']);
});

test.each([
  ['a refusal', 2, '20020002'],
  ['an acceptance without a session', 0, '20020003'],
])('%s of the control plane closes the connection', async (_name, returnCode, hex) => {
  const { handshake, connection, sent } = setUp();
  connection.data(packets.connect());
  handshake.connack(connection, returnCode);
  expect(await sent()).toBe(hex);
  expect(connection.closed).toBe(true);
});

test('a crowd of CONNECT packets takes turns with everything else, in its order', async () => {
  const { calls, handshake } = setUp();
  const connections = Array.from({ length: 20 }, () => {
    const handlers = { ...new FakeHandler().handlers, handshake };
    return new Connection(new FakeTransport(), connectionParts(handlers));
  });
  for (const connection of connections) connection.data(packets.connect());
  expect(calls).toHaveLength(4);
  // One that has gone meanwhile is passed over.
  connections[10]!.lost();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (const calledBy of [8, 12, 16, 19]) {
    await turn();
    expect(calls).toHaveLength(calledBy);
  }
  await turn();
  connections[0]!.lost();
  const handlers = { ...new FakeHandler().handlers, handshake };
  new Connection(new FakeTransport(), connectionParts(handlers)).data(packets.connect());
  expect(calls).toHaveLength(20);
});

test('CONNACK waits until no subscription is left that the client may not have', async () => {
  let ended = (_error?: unknown): void => undefined;
  const { handshake, connection, sent, calls } = setUp({
    admit: () => Promise.resolve({ identity: { user: 'u' }, rights: {} }),
    review: (each) => {
      ended = each;
    },
  });
  connection.data(packets.connect({ clean: false, clientId: 'c' }));
  await settle();
  handshake.registered(connection, 'c');
  handshake.connack(connection, 0);
  expect(await sent()).toBe('');
  expect(calls).not.toContain('session connected');
  ended();
  expect(await sent()).toBe('20020000');
  expect(calls).toContain('session connected');
});

test('a client whose subscriptions could not be compared with its rights is not let in', async () => {
  const { handshake, connection, sent } = setUp({
    admit: () => Promise.resolve({ identity: { user: 'u' }, rights: {} }),
    review: (ended) => ended(new Error('broken')),
  });
  connection.data(packets.connect({ clean: false, clientId: 'c' }));
  await settle();
  handshake.registered(connection, 'c');
  handshake.connack(connection, 0);
  expect(connection.closed).toBe(true);
  expect(await sent()).toBe('');
});
