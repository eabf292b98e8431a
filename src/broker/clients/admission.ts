import type { Access, AccessChange } from '../../access/access.ts';
import type { Admission } from '../../access/admission.ts';
import { IDENTIFIER_REJECTED } from '../../mqtt/codec.ts';
import type { ConnectPacket } from '../../mqtt/connect.ts';
import { ADMINISTRATIVE_ACTION, NOT_AUTHORIZED } from '../../mqtt/reason-codes.ts';
import type { Session } from '../messages/session.ts';
import type { Subscriptions } from '../messages/subscriptions.ts';
import type { Connection } from './connection.ts';

/** CONNACK's return code [MQTT 3.1.1, table 3.1] and a reason for the log. */
export interface Refusal {
  readonly returnCode: number;
  readonly reason: string;
  /** The reason for the client, where that of the log has more than it may know. */
  readonly clientReason?: string;
}

const NOT_AUTHORISED = 5;

/** Sets the rights of the connection's user; resolves with the refusal, or with undefined if the client is admitted. */
export async function admit(
  access: Access,
  connection: Connection,
  packet: ConnectPacket,
  sessions: ReadonlyMap<string, Session>,
): Promise<Refusal | undefined> {
  const { remoteAddress, peer } = connection;
  const { certificate, anonymous = true, trustClientIds = false, proven } = peer;
  const { clientId, username, password } = packet;
  const admission = await access.admit({
    address: remoteAddress,
    clientId,
    username,
    password,
    certificate,
    proven,
    anonymous,
    trustClientIds,
  });
  return accept(connection, packet, admission, sessions);
}

/** Sets the rights of an admitted client, unless its session or its will is not for its user. */
export function accept(
  connection: Connection,
  { clientId, will }: ConnectPacket,
  admission: Admission,
  sessions: ReadonlyMap<string, Session>,
): Refusal | undefined {
  if ('reason' in admission) return admission;
  const { identity, rights } = admission;
  // Only the owner of a session may receive the messages of its queue.
  const owner = sessions.get(clientId)?.owner;
  if (owner && owner !== identity.user) {
    return {
      returnCode: IDENTIFIER_REJECTED,
      reason: 'its client id is the session of another user',
    };
  }
  if (will && !rights.mayPublish(will.topic)) {
    return { returnCode: NOT_AUTHORISED, reason: `may not publish its will on ${will.topic}` };
  }
  connection.access = admission;
  return undefined;
}

/**
 * Applies changed access rules, in parts: closes connections whose user is no longer admitted, and ends subscriptions
 * that are no longer allowed.
 */
export function* reviewConnections(
  access: Access,
  connections: Iterable<Connection>,
  subscriptions: Subscriptions,
): Generator<undefined, void> {
  for (const connection of [...connections]) {
    yield;
    const { session } = connection;
    if (connection.closed || !session) continue;
    if (!connection.access) {
      // It came while a config without an access file was tried.
      if (access.hasRules) connection.close('not admitted by the access file', NOT_AUTHORIZED);
      continue;
    }
    const { identity } = connection.access;
    const rights = access.rightsOf(identity, session.clientId);
    if (!rights) {
      connection.close('no longer admitted by the access file', NOT_AUTHORIZED);
      continue;
    }
    connection.access = { identity, rights };
    subscriptions.revokeSubscriptions(session, rights);
  }
}

interface AllConnections extends Iterable<Connection> {
  closeAll(reason: string, reasonCode: number): Generator<undefined, void>;
}

/** With another access file all clients must connect again; changed rules affect only the clients that they restrict. */
export function applyAccess(
  access: Access,
  change: AccessChange,
  connections: AllConnections,
  subscriptions: Subscriptions,
): Generator<undefined, void> {
  return change === 'file'
    ? connections.closeAll('another access file', ADMINISTRATIVE_ACTION)
    : reviewConnections(access, connections, subscriptions);
}
