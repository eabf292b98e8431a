import type { Logger } from 'pino';
import type { Access } from '../../access/access.ts';
import { type ConnectPacket, encodeConnack, SERVER_UNAVAILABLE } from '../../mqtt/codec.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import type { Session } from '../messages/session.ts';
import { admit } from './admission.ts';
import type { Connection } from './connection.ts';

export interface HandshakeParts {
  readonly plane: DataPlane;
  readonly log: Logger;
  /** Without it, or without rules in it, only the listeners decide. */
  readonly access: Access | undefined;
  isOverLimit(connection: Connection): boolean;
  /** Passes an admitted CONNECT to the control plane, which calls `registered` and then `connack`. */
  connect(connection: Connection, packet: ConnectPacket): void;
}

/** Handles a connection between CONNECT and CONNACK: checks access, opens the session and answers. */
export class Handshake {
  readonly #parts: HandshakeParts;
  /** CONNECT packets that are not answered. */
  readonly #packets = new WeakMap<Connection, ConnectPacket>();
  readonly #opened = new WeakMap<Connection, { session: Session; present: boolean }>();

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  /** The session that was opened for the connection; it exists before CONNACK is sent. */
  sessionOf(connection: Connection): Session | undefined {
    return this.#opened.get(connection)?.session;
  }

  /** Handles a CONNECT; refuses it immediately if there are too many connections. */
  connect(connection: Connection, packet: ConnectPacket): void {
    if (this.#parts.isOverLimit(connection)) {
      refuse(connection, 'too many connections', SERVER_UNAVAILABLE);
      return;
    }
    this.#packets.set(connection, packet);
    void this.#admit(connection, packet);
  }

  async #admit(connection: Connection, packet: ConnectPacket): Promise<void> {
    const { plane, log, connect } = this.#parts;
    const { access } = this.#parts;
    if (access?.hasRules) {
      const { byClientId } = plane.sessions;
      const refusal = await admit(access, connection, packet, byClientId).catch(
        (error: unknown) => {
          log.error({ error }, 'could not check the access of a CONNECT');
          return { reason: 'its access could not be checked', returnCode: SERVER_UNAVAILABLE };
        },
      );
      if (connection.closed) return;
      if (refusal) {
        refuse(connection, refusal.reason, refusal.returnCode);
        return;
      }
    }
    connect(connection, packet);
  }

  /** The client id is registered, and every earlier connection with this id is closed: opens the session. */
  registered(connection: Connection, clientId: string): void {
    if (connection.closed) return;
    const { sessions, subscriptions } = this.#parts.plane;
    const { clean } = this.#packets.get(connection)!;
    const opened = sessions.openSession(clientId, clean);
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
    const { keepalive, protocolName } = this.#packets.get(connection)!;
    this.#packets.delete(connection);
    connection.silenceLimitMs = keepalive * 1500;
    // MQTT 3.1 has no session-present flag.
    const present = opened.present && protocolName === 'MQTT';
    connection.sendBuffer.write(encodeConnack(present, 0));
    connection.open(opened.session);
  }
}

function refuse(connection: Connection, reason: string, returnCode: number): void {
  connection.sendBuffer.write(encodeConnack(false, returnCode));
  connection.close(reason);
}
