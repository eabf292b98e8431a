import { Duplex } from 'node:stream';
import { CONNECT, encodePacket } from '../../mqtt/codec.ts';
import type { ConnectPacket } from '../../mqtt/connect.ts';
import type { Connection } from '../clients/connection.ts';

/** Of CONNACK, where it has its return code. */
const RETURN_CODE = 3;

const CLEAN_SESSION = 0x02;

/** What aedes does with a client. */
export interface ControlEvents {
  /** aedes refuses the client with a CONNACK of this return code. */
  refused(returnCode: number): void;
  /** aedes has closed the client: a refusal, a takeover, its own stop. */
  ended(): void;
}

/** The stream that aedes uses as its socket: aedes reads CONNECT, and writes a CONNACK that refuses it. */
export class ControlStream extends Duplex {
  readonly connection: Connection;
  readonly #events: ControlEvents;
  #isLeaving = false;

  constructor(connection: Connection, events: ControlEvents) {
    super();
    this.connection = connection;
    this.#events = events;
  }

  /** DISCONNECT was received: the will is dropped [MQTT-3.14.4-3]. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /**
   * Gives aedes the CONNECT without its keepalive, which the connection checks itself, and always for a clean session,
   * as aedes has none; one of MQTT 5 without what aedes does not know.
   */
  connect(packet: ConnectPacket): void {
    this.push(encodeConnect(packet.version === 5 ? withoutWill(packet) : packet));
  }

  disconnect(): void {
    this.#isLeaving = true;
    this.destroy();
  }

  override _read(): void {
    // CONNECT is pushed when it arrives.
  }

  /** CONNACK, of which aedes collects the parts. */
  override _writev(parts: { chunk: Buffer }[], done: () => void): void {
    this.#events.refused(Buffer.concat(parts.map(({ chunk }) => chunk))[RETURN_CODE]!);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#events.ended();
    done(error);
  }
}

/** `DelayedWills` keeps the will of MQTT 5; access is checked already. */
function withoutWill(packet: ConnectPacket): ConnectPacket {
  return { ...packet, will: undefined, username: undefined, password: undefined };
}

function encodeConnect(packet: ConnectPacket): Buffer {
  const { version, clientId, will, username, password } = packet;
  const flags =
    CLEAN_SESSION |
    (will ? 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0) : 0) |
    (password !== undefined ? 0x40 : 0) |
    (username !== undefined ? 0x80 : 0);
  const fields = [
    field(version === 3 ? 'MQIsdp' : 'MQTT'),
    Buffer.from([version === 3 ? 3 : 4, flags, 0, 0]),
    field(clientId),
  ];
  if (will) fields.push(field(will.topic), field(will.payload));
  if (username !== undefined) fields.push(field(username));
  if (password !== undefined) fields.push(field(password));
  return encodePacket(CONNECT << 4, Buffer.concat(fields));
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
