import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { Connack, ConnectOptions, Packet } from '../../../support/packets.ts';
import * as packets from '../../../support/packets.ts';
import { CODEC_3, type Codec } from './codec.ts';

/** How long a broker may be silent before what has not come counts as lost. */
export const CATCH_UP_MS = 20_000;

/**
 * One client's connection: each packet is handed over the moment it is read from the socket,
 * what is sent in one turn leaves together.
 */
export class Wire {
  readonly closed: Promise<void>;
  #open = true;
  #pending: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #reader: packets.PacketReader;

  private constructor(
    socket: Socket,
    { parse }: Codec,
    hear: (packet: Packet, wire: Wire) => void,
  ) {
    this.#socket = socket;
    this.#reader = new packets.PacketReader(parse);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#open = false;
        resolve();
      });
    });
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const packet of this.#reader.push(chunk)) hear(packet, this);
    });
  }

  /** CONNECT and its CONNACK, which must accept; `hear` gets everything that follows. */
  static async connect(
    port: number,
    options: ConnectOptions,
    hear: (packet: Packet, wire: Wire) => void,
    codec: Codec = CODEC_3,
  ): Promise<{ wire: Wire; connack: Connack }> {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    await once(socket, 'connect');
    let answered: (connack: Connack) => void;
    const answer = new Promise<Connack>((resolve) => {
      answered = resolve;
    });
    let connected = false;
    const wire = new Wire(socket, codec, (packet) => {
      if (connected) return hear(packet, wire);
      if (packet.type !== 'connack') throw new Error(`${packet.type} came before CONNACK`);
      connected = true;
      answered(packet);
    });
    wire.send(codec.connect(options));
    const connack = await Promise.race([answer, wire.closed]);
    if (!connack) throw new Error('the broker closed the connection before its CONNACK');
    if (connack.code !== 0) throw new Error(`CONNACK has code ${connack.code}`);
    return { wire, connack };
  }

  get open(): boolean {
    return this.#open;
  }

  /** Bytes that the socket has not taken yet. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  send(bytes: Uint8Array): void {
    if (!this.#open) return;
    if (this.#pending.push(bytes) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const bytes = this.#pending;
    this.#pending = [];
    if (this.#open) this.#socket.write(bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes));
  }

  /** Drops the connection without a DISCONNECT. */
  destroy(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  /** DISCONNECT; resolves when the broker has closed. */
  async leave(): Promise<void> {
    this.send(packets.disconnect);
    await this.closed;
  }
}
