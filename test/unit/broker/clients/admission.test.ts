import { expect, test } from 'vitest';
import type { Access } from '../../../../src/access/access.ts';
import type { Identity } from '../../../../src/access/admission.ts';
import type { Rights } from '../../../../src/access/rules.ts';
import { admit, reviewConnections } from '../../../../src/broker/clients/admission.ts';
import { Connection } from '../../../../src/broker/clients/connection.ts';
import type { Session } from '../../../../src/broker/messages/session.ts';
import type { Subscriptions } from '../../../../src/broker/messages/subscriptions.ts';
import type { ConnectPacket } from '../../../../src/mqtt/connect.ts';
import { connectionParts } from '../../../support/connection-parts.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';

const CONNECT: ConnectPacket = {
  version: 4,
  bridge: false,
  clean: true,
  keepalive: 0,
  clientId: 'c',
  will: undefined,
  username: 'u',
  password: undefined,
  properties: {},
};
const identity: Identity = { user: 'u', proof: 'p' };
const rights = { mayPublish: (topic: string) => topic === 'allowed' } as unknown as Rights;

function createConnection(clientId = 'c') {
  const handler = new FakeHandler();
  const connection = new Connection(new FakeTransport(), connectionParts(handler.handlers));
  connection.session = { clientId } as Session;
  return { connection, handler };
}

const accessOf = (admission: object) =>
  ({ admit: () => Promise.resolve(admission) }) as unknown as Access;

test('an admitted client gets the rights of its user', async () => {
  const { connection } = createConnection();
  const access = accessOf({ identity, rights });
  expect(await admit(access, connection, CONNECT, new Map())).toBeUndefined();
  expect(connection.access).toEqual({ identity, rights });
});

test.each([
  ['access refuses it', { reason: 'no', returnCode: 5 }, {}, undefined, 5],
  ['its session has another owner', { identity, rights }, {}, 'other', 2],
  ['it may not publish its will', { identity, rights }, { will: { topic: 'secret' } }, 'u', 5],
])('a client is refused where %s', async (_name, admission, packet, owner, returnCode) => {
  const { connection } = createConnection();
  const sessions = new Map(owner ? [['c', { owner } as Session]] : []);
  const connect = { ...CONNECT, ...packet } as ConnectPacket;
  const refusal = await admit(accessOf(admission), connection, connect, sessions);
  expect(refusal).toMatchObject({ returnCode });
  expect(connection.access).toBeUndefined();
});

test('changed rules close connections, or give them other rights and fewer subscriptions', () => {
  const [kept, removed, unchecked] = [
    createConnection('k'),
    createConnection('r'),
    createConnection('n'),
  ];
  kept.connection.access = { identity, rights };
  removed.connection.access = { identity: { user: 'gone', proof: undefined }, rights };
  const changed = {} as Rights;
  const access = {
    rightsOf: ({ user }: Identity) => (user === 'u' ? changed : undefined),
  } as unknown as Access;
  const revoked: unknown[] = [];
  const subscriptions = {
    revokeSubscriptions: (...args: unknown[]) => revoked.push(args),
  } as unknown as Subscriptions;
  const connections = [kept, removed, unchecked].map(({ connection }) => connection);
  const parts = [...reviewConnections(access, connections, subscriptions)];
  expect(parts).toHaveLength(3);
  expect(connections.map(({ closed }) => closed)).toEqual([false, true, false]);
  expect(removed.handler.heard).toEqual(['closed: no longer admitted by the access file']);
  expect(kept.connection.access?.rights).toBe(changed);
  expect(revoked).toEqual([[kept.connection.session, changed]]);
  const now = { ...access, hasRules: true } as Access;
  expect([...reviewConnections(now, connections, subscriptions)]).toHaveLength(3);
  expect(unchecked.handler.heard).toEqual(['closed: not admitted by the access file']);
});
