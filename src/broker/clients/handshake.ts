import { randomUUID } from 'node:crypto';
import type { Access } from '../../access/access.ts';
import { encodeConnack } from '../../mqtt/codec.ts';
import type { ConnectPacket, Will } from '../../mqtt/connect.ts';
import { packetLimit } from '../../mqtt/packet-limit.ts';
import { type AuthPacket, encodeConnack5 } from '../../mqtt/packets-5.ts';
import { NEVER, type Properties } from '../../mqtt/properties.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import {
  PACKET_TOO_LARGE,
  QUOTA_EXCEEDED,
  reasonCodeOf,
  SERVER_BUSY,
  SERVER_UNAVAILABLE,
} from '../../mqtt/reason-codes.ts';
import { addressGroup } from '../../net/address-group.ts';
import { checkControlCharacters, type TopicLimits } from '../messages/control-characters.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import { isReserved } from '../messages/reserved-topics.ts';
import type { Session } from '../messages/session.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { OnceLog } from '../stats/once-log.ts';
import { accept, admit, type Refusal } from './admission.ts';
import { Authentication } from './authentication.ts';
import type { Connection } from './connection.ts';

interface HandshakeLimits extends TopicLimits {
  readonly packet: number;
  readonly sessionExpiry: number;
  readonly longestKeepalive?: number | undefined;
}

export interface HandshakeParts {
  readonly plane: DataPlane;
  /** Milliseconds, bytes and counts. */
  readonly limits: HandshakeLimits;
  readonly drops: Pick<DropCounter, 'count'>;
  readonly log: OnceLog;
  /** Without it, or without rules in it, only the listeners decide. */
  readonly access: Access | undefined;
  isOverLimit(connection: Connection): boolean;
  /** The login of the connection has begun, or has ended. */
  connecting(connection: Connection, isConnecting: boolean): void;
  /** This program has failed on a CONNECT; gives the reason for the end of the connection. */
  failed(connection: Connection, error: unknown): string;
  /** Passes an admitted CONNECT to the control plane, which calls `registered` and then `connack`. */
  connect(connection: Connection, packet: ConnectPacket): void;
  /** The client is accepted; `will` is that of MQTT 5. */
  accepted(clientId: string, will: Will | undefined): void;
}

interface Opened {
  readonly session: Session;
  readonly present: boolean;
  /** Its subscriptions are compared with its rights, which may take several turns. */
  isReviewed: boolean;
  /** The return code that waits for that. */
  returnCode?: number;
}

/** CONNECT packets that are processed in one turn of the event loop: a crowd takes turns with those that are connected. */
const CONNECTS_PER_TURN = 4;

/** A connection between CONNECT and CONNACK: checks access, opens the session and answers. */
export class Handshake {
  readonly #parts: HandshakeParts;
  readonly #authentication: Authentication;
  /** CONNECT packets that are not answered. */
  readonly #packets = new WeakMap<Connection, ConnectPacket>();
  readonly #opened = new WeakMap<Connection, Opened>();

  /** Connections whose client has sent no id and was given one. */
  readonly #assigned = new WeakSet<Connection>();

  /** CONNECT packets for later turns, in the order in which they came. */
  readonly #waiting = new Map<Connection, ConnectPacket>();
  #inTurn = 0;

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
    this.#authentication = new Authentication({
      access: parts.access,
      connecting: (connection, isConnecting) => parts.connecting(connection, isConnecting),
      admitted: (connection, packet, admission) => {
        const { byClientId } = parts.plane.sessions;
        this.#admitted(connection, packet, accept(connection, packet, admission, byClientId));
      },
    });
  }

  /** The session that was opened for the connection; it exists before CONNACK is sent. */
  sessionOf(connection: Connection): Session | undefined {
    return this.#opened.get(connection)?.session;
  }

  /** A CONNECT, for this turn of the event loop or a later one; throws a ProtocolError where its will is not taken. */
  connect(connection: Connection, packet: ConnectPacket): void {
    const { will } = packet;
    const { limits } = this.#parts;
    if (will) checkControlCharacters('topic of the will', will.topic, limits);
    if (will?.responseTopic) {
      checkControlCharacters('response topic of the will', will.responseTopic, limits);
    }
    if (this.#inTurn === 0) setImmediate(this.#nextTurn);
    if (this.#inTurn++ < CONNECTS_PER_TURN) this.#begin(connection, packet);
    else this.#waiting.set(connection, packet);
  }

  readonly #nextTurn = (): void => {
    this.#inTurn = 0;
    for (const [connection, packet] of this.#waiting) {
      if (this.#inTurn === CONNECTS_PER_TURN) return;
      this.#waiting.delete(connection);
      if (connection.closed) continue;
      if (this.#inTurn++ === 0) setImmediate(this.#nextTurn);
      this.#begin(connection, packet);
    }
  };

  /** Refuses it where there are too many connections. */
  #begin(connection: Connection, packet: ConnectPacket): void {
    if (this.#parts.isOverLimit(connection)) {
      connection.refuse('too many connections', tooBusy(packet));
      return;
    }
    const allowed = this.#withoutReservedWill(this.#withClientId(connection, packet));
    this.#packets.set(connection, allowed);
    this.#admit(connection, allowed).catch((error: unknown) => {
      connection.close(this.#parts.failed(connection, error));
    });
  }

  /** MQTT 5: a client without an id is given one. An older client learns no id: aedes gives it one. */
  #withClientId(connection: Connection, packet: ConnectPacket): ConnectPacket {
    if (packet.version < 5 || packet.clientId !== '') return packet;
    this.#assigned.add(connection);
    return { ...packet, clientId: `auto-${randomUUID()}` };
  }

  /** A will on a topic of the gateway is dropped like a message on it; a bridge has one by default. */
  #withoutReservedWill(packet: ConnectPacket): ConnectPacket {
    if (!packet.will || !isReserved(packet.will.topic)) return packet;
    this.#parts.drops.count(packet.clientId, 'reserved-topic');
    return { ...packet, will: undefined };
  }

  async #admit(connection: Connection, packet: ConnectPacket): Promise<void> {
    const { access, plane, log } = this.#parts;
    if (packet.properties.authenticationMethod !== undefined) {
      this.#authentication.begin(connection, packet);
    } else if (access?.hasRules) {
      const { byClientId } = plane.sessions;
      const refusal = await admit(access, connection, packet, byClientId).catch(
        (error: unknown) => {
          const { remoteAddress } = connection;
          log.error(remoteAddress, error, 'could not check the access of a CONNECT');
          return { reason: 'its access could not be checked', returnCode: 3 };
        },
      );
      if (!connection.closed) this.#admitted(connection, packet, refusal);
    } else this.#admitted(connection, packet, undefined);
  }

  /** Access has decided. */
  #admitted(connection: Connection, packet: ConnectPacket, refusal: Refusal | undefined): void {
    const { plane, connect } = this.#parts;
    if (refusal) {
      connection.refuse(refusal.reason, reasonCodeOf(refusal.returnCode), refusal.clientReason);
      return;
    }
    // Before the control plane has it: a client that is refused has no will.
    if (!plane.absent.hasRoomFor(packet.clientId)) {
      const code = packet.version === 5 ? QUOTA_EXCEEDED : SERVER_UNAVAILABLE;
      connection.refuse('too many sessions', code);
      return;
    }
    connect(connection, packet);
  }

  /** MQTT 5: an AUTH of a client that logs in, or of a connected one. */
  authenticate(connection: Connection, packet: AuthPacket): void {
    this.#authentication.received(connection, packet);
  }

  /** The client id is registered, and every earlier connection with this id is closed: opens the session. */
  registered(connection: Connection, clientId: string): void {
    if (connection.closed) return;
    const { sessions, subscriptions } = this.#parts.plane;
    const { version, clean, bridge, properties } = this.#packets.get(connection)!;
    const expiry = version === 5 ? (properties.sessionExpiry ?? 0) : clean ? 0 : NEVER;
    const opened: Opened = { ...sessions.openSession(clientId, clean, expiry), isReviewed: true };
    const { session } = opened;
    session.bridge = bridge;
    session.address = addressGroup(connection.remoteAddress);
    this.#opened.set(connection, opened);
    if (!connection.access) return;
    const { identity, rights } = connection.access;
    sessions.setOwner(session, identity.user ?? '');
    opened.isReviewed = false;
    subscriptions.revokeSubscriptions(session, rights, (error) => {
      opened.isReviewed = true;
      if (error) connection.close(this.#parts.failed(connection, error));
      else if (opened.returnCode !== undefined) this.connack(connection, opened.returnCode);
    });
  }

  /** The control plane has answered: sends CONNACK and opens the connection, or refuses it. */
  connack(connection: Connection, returnCode: number): void {
    if (connection.closed) return;
    const opened = this.#opened.get(connection);
    // Else it would get messages that it may not read any more.
    if (opened && !opened.isReviewed) {
      opened.returnCode = returnCode;
      return;
    }
    if (returnCode !== 0 || !opened) {
      connection.refuse(`refused with return code ${returnCode}`, reasonCodeOf(returnCode));
      return;
    }
    const packet = this.#packets.get(connection)!;
    this.#packets.delete(connection);
    const keepalive = this.#keepaliveOf(packet);
    connection.life.silenceLimitMs = keepalive * 1500;
    // MQTT 3.1 has no session-present flag.
    const connack =
      packet.version === 5
        ? encodeConnack5(opened.present, 0, this.#answerTo(packet, keepalive, connection))
        : encodeConnack(opened.present && packet.version > 3, 0);
    if (connection.protocol5?.takes(connack.length) === false) {
      connection.refuse('takes no packet of the size of CONNACK', PACKET_TOO_LARGE);
      return;
    }
    this.#parts.accepted(opened.session.clientId, packet.version === 5 ? packet.will : undefined);
    connection.sendBuffer.write(connack);
    connection.open(opened.session);
  }

  /** Seconds; 0 for none. */
  #keepaliveOf({ version, keepalive }: ConnectPacket): number {
    const { longestKeepalive } = this.#parts.limits;
    // Before MQTT 5 a client does not learn of another keep alive.
    if (version < 5 || longestKeepalive === undefined) return keepalive;
    const longest = Math.floor(longestKeepalive / 1000);
    return keepalive === 0 ? longest : Math.min(keepalive, longest);
  }

  /** What a client of MQTT 5 learns in its CONNACK: limits, and what differs from what it has asked for. */
  #answerTo(packet: ConnectPacket, keepalive: number, connection: Connection): Properties {
    const { limits } = this.#parts;
    const { receiveMaximum, topicAliases } = connection.protocol5!.offered;
    const { clientId, properties } = packet;
    const expiry = properties.sessionExpiry ?? 0;
    const longestExpiry = Math.floor(limits.sessionExpiry / 1000);
    return {
      ...(expiry > longestExpiry && { sessionExpiry: longestExpiry }),
      ...(receiveMaximum < NO_MAXIMUM && { receiveMaximum }),
      maximumPacketSize: packetLimit(limits.packet),
      ...(this.#assigned.has(connection) && { assignedClientId: clientId }),
      ...(topicAliases > 0 && { topicAliasMaximum: topicAliases }),
      ...(keepalive !== packet.keepalive && { serverKeepAlive: keepalive }),
      ...responseInformation(packet, connection),
      ...this.#authentication.answerTo(connection),
    };
  }

  /** [MQTT 5, section 3.14.2.2.2]: a session that ends with its connection can't be given an expiry at its end. */
  setSessionExpiry({ session }: Connection, seconds: number): void {
    if (session!.expiryMs === 0 && seconds > 0) {
      throw new ProtocolError('DISCONNECT gives an expiry to a session without one');
    }
    this.#parts.plane.sessions.setExpiry(session!, seconds);
  }
}

/** The Receive Maximum of a server that sends none. */
const NO_MAXIMUM = 65_535;

/** Client ids that a topic, and a rule with %c, can have as one level. */
const TOPIC_LEVEL = /^[^+#/$][^+#/]*$/;

/** A topic for the client's responses, where it asks for one and may subscribe to what is below it. */
function responseInformation(
  { clientId, properties }: ConnectPacket,
  { access }: Connection,
): Properties {
  if (properties.requestResponseInformation !== 1 || !TOPIC_LEVEL.test(clientId)) return {};
  const topic = `response/${clientId}`;
  if (access && !access.rights.maySubscribe(`${topic}/#`)) return {};
  return { responseInformation: topic };
}

function tooBusy({ version }: ConnectPacket): number {
  return version === 5 ? SERVER_BUSY : SERVER_UNAVAILABLE;
}
