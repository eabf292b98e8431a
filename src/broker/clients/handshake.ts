import type { Access } from '../../access/access.ts';
import { encodeConnack, SERVER_UNAVAILABLE } from '../../mqtt/codec.ts';
import type { ConnectPacket } from '../../mqtt/connect.ts';
import { checkControlCharacters, type TopicLimits } from '../messages/control-characters.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import { isReserved } from '../messages/reserved-topics.ts';
import type { Session } from '../messages/session.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { OnceLog } from '../stats/once-log.ts';
import { admit } from './admission.ts';
import type { Connection } from './connection.ts';

export interface HandshakeParts {
  readonly limits: TopicLimits;
  readonly plane: DataPlane;
  readonly drops: Pick<DropCounter, 'count'>;
  readonly log: OnceLog;
  /** Without it, or without rules in it, only the listeners decide. */
  readonly access: Access | undefined;
  isOverLimit(connection: Connection): boolean;
  /** This program has failed on a CONNECT; gives the reason for the end of the connection. */
  failed(connection: Connection, error: unknown): string;
  /** Passes an admitted CONNECT to the control plane, which calls `registered` and then `connack`. */
  connect(connection: Connection, packet: ConnectPacket): void;
}

/** CONNECT packets that are processed in one turn of the event loop: a crowd takes turns with those that are connected. */
const CONNECTS_PER_TURN = 8;

/** A connection between CONNECT and CONNACK: checks access, opens the session and answers. */
export class Handshake {
  readonly #parts: HandshakeParts;
  /** CONNECT packets that are not answered. */
  readonly #packets = new WeakMap<Connection, ConnectPacket>();
  readonly #opened = new WeakMap<Connection, { session: Session; present: boolean }>();

  /** CONNECT packets for later turns, in the order in which they came. */
  readonly #waiting = new Map<Connection, ConnectPacket>();
  #inTurn = 0;

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  /** The session that was opened for the connection; it exists before CONNACK is sent. */
  sessionOf(connection: Connection): Session | undefined {
    return this.#opened.get(connection)?.session;
  }

  /** A CONNECT, for this turn of the event loop or a later one; throws a ProtocolError where its will is not taken. */
  connect(connection: Connection, packet: ConnectPacket): void {
    const { will } = packet;
    if (will) checkControlCharacters('topic of the will', will.topic, this.#parts.limits);
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
      refuse(connection, 'too many connections', SERVER_UNAVAILABLE);
      return;
    }
    const allowed = this.#withoutReservedWill(packet);
    this.#packets.set(connection, allowed);
    this.#admit(connection, allowed).catch((error: unknown) => {
      connection.close(this.#parts.failed(connection, error));
    });
  }

  /** A will on a topic of the gateway is dropped like a message on it; a bridge has one by default. */
  #withoutReservedWill(packet: ConnectPacket): ConnectPacket {
    if (!packet.will || !isReserved(packet.will.topic)) return packet;
    this.#parts.drops.count(packet.clientId, 'reserved-topic');
    return { ...packet, will: undefined };
  }

  async #admit(connection: Connection, packet: ConnectPacket): Promise<void> {
    const { plane, log, connect } = this.#parts;
    const { access } = this.#parts;
    if (access?.hasRules) {
      const { byClientId } = plane.sessions;
      const refusal = await admit(access, connection, packet, byClientId).catch(
        (error: unknown) => {
          const { remoteAddress } = connection;
          log.error(remoteAddress, error, 'could not check the access of a CONNECT');
          return { reason: 'its access could not be checked', returnCode: SERVER_UNAVAILABLE };
        },
      );
      if (connection.closed) return;
      if (refusal) {
        refuse(connection, refusal.reason, refusal.returnCode);
        return;
      }
    }
    // Before the control plane has it: a client that is refused has no will.
    if (!plane.absent.hasRoomFor(packet.clientId)) {
      refuse(connection, 'too many sessions', SERVER_UNAVAILABLE);
      return;
    }
    connect(connection, packet);
  }

  /** The client id is registered, and every earlier connection with this id is closed: opens the session. */
  registered(connection: Connection, clientId: string): void {
    if (connection.closed) return;
    const { sessions, subscriptions } = this.#parts.plane;
    const { clean, bridge } = this.#packets.get(connection)!;
    const opened = sessions.openSession(clientId, clean);
    opened.session.bridge = bridge;
    this.#opened.set(connection, opened);
    if (!connection.access) return;
    const { identity, rights } = connection.access;
    sessions.setOwner(opened.session, identity.user ?? '');
    subscriptions.revokeSubscriptions(opened.session, rights);
  }

  /** The control plane has answered: sends CONNACK and opens the connection, or refuses it. */
  connack(connection: Connection, returnCode: number): void {
    if (connection.closed) return;
    const opened = this.#opened.get(connection);
    if (returnCode !== 0 || !opened) {
      const reason = `refused with return code ${returnCode}`;
      refuse(connection, reason, returnCode || SERVER_UNAVAILABLE);
      return;
    }
    const { keepalive, version } = this.#packets.get(connection)!;
    this.#packets.delete(connection);
    connection.life.silenceLimitMs = keepalive * 1500;
    // MQTT 3.1 has no session-present flag.
    const present = opened.present && version > 3;
    connection.sendBuffer.write(encodeConnack(present, 0));
    connection.open(opened.session);
  }
}

function refuse(connection: Connection, reason: string, returnCode: number): void {
  connection.sendBuffer.write(encodeConnack(false, returnCode));
  connection.close(reason);
}
