import type { Access } from '../../access/access.ts';
import type { Admission } from '../../access/admission.ts';
import type { ScramLogin } from '../../access/scram-login.ts';
import type { ConnectPacket } from '../../mqtt/connect.ts';
import { type AuthPacket, encodeAuth } from '../../mqtt/packets-5.ts';
import type { Properties } from '../../mqtt/properties.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import {
  BAD_AUTHENTICATION_METHOD,
  CONTINUE_AUTHENTICATION,
  NOT_AUTHORIZED,
  PACKET_TOO_LARGE,
  REAUTHENTICATE,
  reasonCodeOf,
  SUCCESS,
} from '../../mqtt/reason-codes.ts';
import type { Connection } from './connection.ts';

/** The only authentication method. */
const METHOD = 'SCRAM-SHA-256';
const EMPTY = Buffer.alloc(0);

export interface AuthenticationParts {
  /** Without it, or without rules in it, no client can log in. */
  readonly access: Access | undefined;
  /** The connection has begun its login, or has ended it: until then it counts as one without a CONNECT. */
  connecting(connection: Connection, isConnecting: boolean): void;
  /** The login that a CONNECT has begun has succeeded. */
  admitted(connection: Connection, packet: ConnectPacket, admission: Admission): void;
}

interface Login {
  /** The login that is running. */
  running: ScramLogin | undefined;
  /** For CONNACK. */
  last: Buffer | undefined;
  readonly packet: ConnectPacket;
}

/** Enhanced authentication [MQTT 5, section 4.12]: logins in several steps, by CONNECT and on an open connection. */
export class Authentication {
  readonly #parts: AuthenticationParts;
  /** Connections whose CONNECT has a method. */
  readonly #logins = new WeakMap<Connection, Login>();

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /** A CONNECT that asks for it. */
  begin(connection: Connection, packet: ConnectPacket): void {
    const { access, connecting } = this.#parts;
    const { authenticationMethod, authenticationData } = packet.properties;
    if (authenticationMethod !== METHOD) {
      const asked = JSON.stringify(authenticationMethod?.slice(0, 64));
      const reason = `it asks for the authentication method ${asked}, the gateway has ${METHOD}`;
      return connection.refuse(reason, BAD_AUTHENTICATION_METHOD);
    }
    if (!access?.hasRules) {
      const reason = `${METHOD} needs users, and there is no access file (broker.access)`;
      return connection.refuse(reason, BAD_AUTHENTICATION_METHOD);
    }
    const { remoteAddress: address } = connection;
    const { clientId, username } = packet;
    const running = access.scram({ address, clientId, username });
    const login: Login = { running, last: undefined, packet };
    this.#logins.set(connection, login);
    connecting(connection, true);
    connection.protocol5!.isAuthenticating = true;
    connection.resumeReading('connect');
    this.#step(connection, login, authenticationData ?? EMPTY, true);
  }

  /** AUTH: the next step of a login, or the beginning of another one on an open connection. */
  received(connection: Connection, { reasonCode, method, data }: AuthPacket): void {
    const login = this.#logins.get(connection);
    // [MQTT-4.12.0-7].
    if (!login) throw new ProtocolError('AUTH without an authentication method in the CONNECT');
    // [MQTT-4.12.0-5] [MQTT-4.12.1-1].
    if (method !== METHOD) throw new ProtocolError('AUTH with another method than the CONNECT');
    const begins = reasonCode === REAUTHENTICATE;
    if (begins === (login.running !== undefined)) {
      throw new ProtocolError(`AUTH ${begins ? 'begins a login during' : 'continues no'} login`);
    }
    if (begins) {
      const { remoteAddress: address } = connection;
      const { clientId } = login.packet;
      const username = connection.access?.identity.user;
      login.running = this.#parts.access!.scram({ address, clientId, username });
    }
    this.#step(connection, login, data, begins);
  }

  /** What CONNACK has of the login. */
  answerTo(connection: Connection): Properties {
    const login = this.#logins.get(connection);
    if (!login) return {};
    return { authenticationMethod: METHOD, authenticationData: login.last ?? EMPTY };
  }

  #step(connection: Connection, login: Login, data: Buffer, isFirst: boolean): void {
    if (isFirst && data.length === 0) {
      // The client waits for the server, though it has the first word in this method.
      return this.#send(connection, CONTINUE_AUTHENTICATION, EMPTY);
    }
    const step = login.running!.step(data);
    if ('challenge' in step) {
      return this.#send(connection, CONTINUE_AUTHENTICATION, step.challenge);
    }
    login.running = undefined;
    const { admission, last = EMPTY } = step;
    if (connection.session) return this.#endAgain(connection, admission, last);
    connection.protocol5!.isAuthenticating = false;
    this.#parts.connecting(connection, false);
    if ('reason' in admission) {
      const { reason, returnCode, clientReason } = admission;
      return connection.refuse(reason, reasonCodeOf(returnCode), clientReason);
    }
    connection.pauseReading('connect');
    login.last = last;
    this.#parts.admitted(connection, login.packet, admission);
  }

  /** The end of a login on an open connection [MQTT 5, section 4.12.1]. */
  #endAgain(connection: Connection, admission: Admission, last: Buffer): void {
    if ('reason' in admission) {
      const { reason, clientReason = reason } = admission;
      return connection.close(
        `its second login failed: ${reason}`,
        NOT_AUTHORIZED,
        `the second login failed: ${clientReason}`,
      );
    }
    connection.access = admission;
    this.#send(connection, SUCCESS, last);
  }

  #send(connection: Connection, reasonCode: number, data: Buffer): void {
    const auth = encodeAuth(reasonCode, METHOD, data);
    if (connection.protocol5!.takes(auth.length)) connection.sendBuffer.write(auth);
    else connection.violated('takes no packet of the size of AUTH', PACKET_TOO_LARGE);
  }
}
