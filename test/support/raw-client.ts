import { createConnection, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import type {
  Connack,
  ConnectOptions,
  Packet,
  PacketOf,
  PacketType,
  Publish,
  PublishOptions,
  Suback,
} from './packets.ts';
import * as packets from './packets.ts';

export type Transport = 'tcp' | 'ws';

/** How long a test waits for what must come; shorter where known deviations are waited for. */
export const WAIT_MS: number = process.env.MQTT_TARGET === 'mosquitto' ? 1500 : 15_000;

/** What carries the bytes; `write` sends one segment or one binary frame. */
interface Wire {
  write(bytes: Uint8Array): void;
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
}
interface WireEvents {
  data(chunk: Uint8Array): void;
  /** The server will send no more. */
  ended(): void;
  closed(): void;
}

/**
 * One connection to a broker under test, over TCP or WebSocket: sends any bytes, keeps what comes
 * back in order, and waits for it with a bound.
 */
export class RawClient {
  /** `half-closed` once the server has closed its side, `closed` when nothing is left. */
  state: 'open' | 'half-closed' | 'closed' = 'open';
  /** The answer to the CONNECT that `connect` sent. */
  connack!: Connack;
  /** What came and was not yet taken, in order. */
  readonly inbox: Packet[] = [];
  readonly #wire: Wire;
  readonly #reader: packets.PacketReader;
  readonly #waiting = new Set<() => void>();
  readonly #waitMs: number;
  #failure: Error | undefined;
  #lastId = 0;

  private constructor(
    openWire: (events: WireEvents) => Wire,
    waitMs: number = WAIT_MS,
    parse?: (raw: Buffer) => Packet,
  ) {
    this.#waitMs = waitMs;
    this.#reader = new packets.PacketReader(parse);
    this.#wire = openWire({
      data: (chunk) => this.#receive(chunk),
      ended: () => this.#enter('half-closed'),
      closed: () => this.#enter('closed'),
    });
  }

  /**
   * Opens a connection; no MQTT packet is sent. Rejects when it is refused. What must come may take `waitMs`; `parse`
   * reads packets of another version.
   */
  static async open(
    transport: Transport,
    port: number,
    waitMs?: number,
    parse?: (raw: Buffer) => Packet,
  ): Promise<RawClient> {
    if (transport === 'tcp') {
      const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
      await settled(socket, 'connect', `TCP connection to port ${port}`);
      return new RawClient((events) => tcpWire(socket, events), waitMs, parse);
    }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'], {
      perMessageDeflate: false,
    });
    await settled(socket, 'open', `WebSocket connection to port ${port}`);
    return RawClient.overWebSocket(socket, parse);
  }

  /** Takes over a socket that is open, such as one with TLS. */
  static overSocket(socket: Socket, parse?: (raw: Buffer) => Packet): RawClient {
    return new RawClient((events) => tcpWire(socket, events), undefined, parse);
  }

  /** Takes over a WebSocket that is open. */
  static overWebSocket(socket: WebSocket, parse?: (raw: Buffer) => Packet): RawClient {
    return new RawClient((events) => webSocketWire(socket, events), undefined, parse);
  }

  /** Sends packets in one segment (TCP) or one binary frame (WebSocket). */
  send(...bytes: readonly Uint8Array[]): void {
    this.#wire.write(bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes));
  }

  /** Sends each byte in a write of its own, each given the time to leave on its own. */
  async sendBytewise(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at++) {
      this.#wire.write(bytes.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next packet, whatever it is; with `type` it must be of that type. */
  async next(): Promise<Packet>;
  async next<T extends PacketType>(type: T): Promise<PacketOf<T>>;
  async next(type?: PacketType): Promise<Packet> {
    const packet = await this.#until(type ?? 'a packet', () => this.inbox.shift());
    if (type && packet.type !== type) {
      throw new Error(`expected ${type}, but ${describe(packet)} came first`);
    }
    return packet;
  }

  /** The first packet of this type; what came before it stays in the inbox. */
  async take<T extends PacketType>(type: T): Promise<PacketOf<T>> {
    const packet = await this.#until(type, () => {
      const index = this.inbox.findIndex((candidate) => candidate.type === type);
      return index < 0 ? undefined : this.inbox.splice(index, 1)[0];
    });
    return packet as PacketOf<T>;
  }

  /** CONNECT, and the CONNACK that must accept it. */
  async connect(options: ConnectOptions = {}): Promise<this> {
    this.send(packets.connect(options));
    this.connack = await this.next('connack');
    if (this.connack.code !== 0) throw new Error(`CONNACK has code ${this.connack.code}`);
    return this;
  }

  /** SUBSCRIBE and its SUBACK; resolves with the return codes. Retained messages stay in the inbox. */
  async subscribe(...wishes: readonly packets.Wish[]): Promise<readonly number[]> {
    const id = this.id();
    this.send(packets.subscribe(id, wishes));
    const suback: Suback = await this.take('suback');
    if (suback.id !== id) throw new Error(`SUBACK has identifier ${suback.id}, not ${id}`);
    return suback.codes;
  }

  /** UNSUBSCRIBE and its UNSUBACK. */
  async unsubscribe(...filters: readonly string[]): Promise<void> {
    const id = this.id();
    this.send(packets.unsubscribe(id, filters));
    const unsuback = await this.take('unsuback');
    if (unsuback.id !== id) throw new Error(`UNSUBACK has identifier ${unsuback.id}, not ${id}`);
  }

  /** PUBLISH and the whole handshake of its QoS. */
  async publish(
    topic: string,
    payload: string | Uint8Array = '',
    options: PublishOptions = {},
  ): Promise<void> {
    const qos = options.qos ?? 0;
    const id = options.id ?? (qos > 0 ? this.id() : 0);
    this.send(packets.publish(topic, payload, { ...options, id }));
    if (qos === 0) return;
    const answer = await this.take(qos === 1 ? 'puback' : 'pubrec');
    if (answer.id !== id) throw new Error(`${answer.type} has identifier ${answer.id}, not ${id}`);
    if (qos === 1) return;
    this.send(packets.pubrel(id));
    const completed = await this.take('pubcomp');
    if (completed.id !== id) throw new Error(`PUBCOMP has identifier ${completed.id}, not ${id}`);
  }

  /** The next packet, which must be a PUBLISH; acknowledges it to the end as its QoS wants. */
  async message(): Promise<Publish> {
    const message = await this.next('publish');
    await this.acknowledge(message);
    return message;
  }

  /** As many messages, each acknowledged. */
  async messages(count: number): Promise<Publish[]> {
    const all: Publish[] = [];
    while (all.length < count) all.push(await this.message());
    return all;
  }

  /** As many messages, acknowledged as they come: the next is not held up by the handshake of the last. */
  async flow(count: number): Promise<Publish[]> {
    const all: Publish[] = [];
    while (all.length < count) {
      const packet = await this.next();
      if (packet.type === 'pubrel') this.send(packets.pubcomp(packet.id));
      else if (packet.type !== 'publish')
        throw new Error(`${describe(packet)} in a flow of messages`);
      else {
        all.push(packet);
        if (packet.qos === 1) this.send(packets.puback(packet.id));
        if (packet.qos === 2) this.send(packets.pubrec(packet.id));
      }
    }
    return all;
  }

  /** All messages before the one with this payload, acknowledged; other packets are a failure. */
  async messagesBefore(marker: string): Promise<Publish[]> {
    const before: Publish[] = [];
    for (;;) {
      const message = await this.message();
      if (message.payload === marker) return before;
      before.push(message);
    }
  }

  /** PUBACK, or PUBREC, PUBREL and PUBCOMP. */
  async acknowledge(message: Publish): Promise<void> {
    if (message.qos === 1) this.send(packets.puback(message.id));
    if (message.qos !== 2) return;
    this.send(packets.pubrec(message.id));
    const release = await this.take('pubrel');
    if (release.id !== message.id) {
      throw new Error(`PUBREL has identifier ${release.id}, not ${message.id}`);
    }
    this.send(packets.pubcomp(message.id));
  }

  /** PINGREQ, and nothing may come before its PINGRESP: the server is there and had nothing to say. */
  async quiet(): Promise<void> {
    this.send(packets.pingreq);
    await this.next('pingresp');
  }

  /** The server has closed the connection, and nothing more had come before it did. */
  async closed(ms: number = this.#waitMs): Promise<void> {
    const what = 'the server to close the connection';
    await this.#until(what, () => this.inbox[0] ?? (this.state === 'open' ? undefined : true), ms);
    const first = this.inbox[0];
    if (first) throw new Error(`expected the connection to close, but ${describe(first)} came`);
  }

  /** The server has closed the connection, whatever came before. */
  async gone(ms: number = this.#waitMs): Promise<void> {
    const what = 'the server to close the connection';
    await this.#until(what, () => (this.state === 'open' ? undefined : true), ms);
  }

  /** DISCONNECT, then waits until the server has closed. */
  async disconnect(): Promise<void> {
    this.send(packets.disconnect);
    await this.gone();
    this.destroy();
  }

  /** Closes our sending side; the server may still send. */
  halfClose(): void {
    this.#wire.end();
  }

  /** Drops the connection without a DISCONNECT. */
  destroy(): void {
    this.#wire.destroy();
  }

  /** Stops reading from the network, so that the server's writes pile up. */
  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  /** A packet identifier that this client has not used lately. */
  id(): number {
    this.#lastId = (this.#lastId % 0xffff) + 1;
    return this.#lastId;
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const packet of this.#reader.push(chunk)) this.inbox.push(packet);
    } catch (cause) {
      this.#failure ??= cause instanceof Error ? cause : new Error(String(cause));
    }
    this.#wake();
  }

  #enter(state: 'half-closed' | 'closed'): void {
    this.state = state;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  async #until<T>(what: string, check: () => T | undefined, ms: number = this.#waitMs): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = check();
      if (found !== undefined) return found;
      if (this.#failure) throw this.#failure;
      if (this.state !== 'open') throw new Error(`waited for ${what}, but the server closed`);
      if (!(await this.#changed(deadline - Date.now()))) {
        const held = this.inbox.slice(0, 5).map(describe).join(', ') || 'nothing';
        throw new Error(`waited ${ms} ms for ${what}; the inbox holds ${held}`);
      }
    }
  }

  /** Resolves with true at the next change, with false after `ms`. */
  #changed(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (changed: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(changed);
      };
      const wake = () => done(true);
      const timer = setTimeout(() => done(false), Math.max(ms, 0));
      this.#waiting.add(wake);
    });
  }
}

/** One line for a failure message. */
function describe(packet: Packet): string {
  if (packet.type !== 'publish') return `${packet.type} ${packet.raw.toString('hex')}`;
  const { topic, payload, qos, dup, retain, id } = packet;
  const flags = `qos ${qos}${dup ? ' dup' : ''}${retain ? ' retain' : ''} id ${id}`;
  return `publish ${topic.slice(0, 40)} '${payload.slice(0, 40)}' ${flags}`;
}

function tcpWire(socket: Socket, events: WireEvents): Wire {
  socket.on('data', events.data);
  socket.on('end', events.ended);
  socket.on('close', events.closed);
  socket.on('error', () => undefined);
  return {
    write: (bytes) => void socket.write(bytes),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

function webSocketWire(socket: WebSocket, events: WireEvents): Wire {
  socket.on('message', (data: Buffer, binary: boolean) => {
    // A text frame from the server breaks [MQTT-6.0.0-1]; no packet begins with 0xff.
    events.data(binary ? data : Buffer.from([0xff, 0]));
  });
  socket.on('close', events.closed);
  socket.on('error', () => undefined);
  return {
    write: (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    },
    end: () => socket.close(),
    destroy: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

/** Resolves when the socket says `event`, rejects with what failed. */
function settled(socket: Socket | WebSocket, event: string, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const emitter: NodeJS.EventEmitter = socket;
    const fail = (cause: Error) => reject(new Error(`${what} failed: ${cause.message}`, { cause }));
    emitter.once('error', fail);
    emitter.once(event, () => {
      emitter.off('error', fail);
      resolve();
    });
  });
}
