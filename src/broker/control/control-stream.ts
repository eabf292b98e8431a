import { Duplex } from 'node:stream';
import { CONNECT, DISCONNECT, encodePacket, PINGREQ } from '../../mqtt/codec.ts';
import type { ConnectPacket } from '../../mqtt/connect.ts';
import type { Connection } from '../clients/connection.ts';

const CONNACK_LENGTH = 4;

/** The packets that aedes sends to a client. */
export interface ControlEvents {
  /** CONNACK with its return code; 0 is accepted. */
  connack(returnCode: number): void;
  /** Every packet after it, e.g. PINGRESP. */
  bytes(bytes: Buffer): void;
  /** aedes has closed the client: a refusal, a takeover, its own stop. */
  ended(): void;
}

/**
 * The stream that aedes uses as its socket: aedes reads CONNECT, PINGREQ and DISCONNECT, and writes CONNACK and PINGRESP.
 * No other packets pass through it.
 */
export class ControlStream extends Duplex {
  readonly connection: Connection;
  readonly #events: ControlEvents;
  #connack = Buffer.alloc(0);
  #answered = false;

  constructor(connection: Connection, events: ControlEvents) {
    super({ emitClose: true });
    this.connection = connection;
    this.#events = events;
  }

  /**
   * Gives aedes the CONNECT without its keepalive, which the connection checks itself; one of MQTT 5 without what aedes
   * does not know.
   */
  connect(packet: ConnectPacket): void {
    this.push(encodeConnect(packet.version === 5 ? withoutWill(packet) : packet));
  }

  ping(): void {
    this.push(Buffer.from([PINGREQ << 4, 0]));
  }

  /** Gives aedes the DISCONNECT: the will is dropped [MQTT-3.14.4-3]. */
  disconnect(): void {
    this.push(Buffer.from([DISCONNECT << 4, 0]));
  }

  override _read(): void {
    // Packets are pushed when they arrive.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#answered) this.#events.bytes(chunk);
    else {
      this.#connack = Buffer.concat([this.#connack, chunk]);
      if (this.#connack.length >= CONNACK_LENGTH) {
        this.#answered = true;
        this.#events.connack(this.#connack[3]!);
      }
    }
    done();
  }

  override _final(done: () => void): void {
    done();
    this.destroy();
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
  const { version, clean, clientId, will, username, password } = packet;
  const flags =
    (clean ? 0x02 : 0) |
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
