import type { Socket } from 'node:net';
import * as p from './packets-5.ts';
import { RawClient, type Transport } from './raw-client.ts';

/**
 * A client of MQTT 5 over TCP or WebSocket: sends any bytes, keeps what comes back in order, and waits for it with a
 * bound. It acknowledges nothing by itself.
 */
export class Client5 {
  readonly raw: RawClient;
  connack!: p.Packet5;
  #lastId = 0;

  private constructor(raw: RawClient) {
    this.raw = raw;
  }

  static async open(transport: Transport, port: number): Promise<Client5> {
    return new Client5(await RawClient.open(transport, port, undefined, p.parse as never));
  }

  /** Takes over a socket that is open, such as one with TLS. */
  static overSocket(socket: Socket): Client5 {
    return new Client5(RawClient.overSocket(socket, p.parse as never));
  }

  send(...packets: readonly Uint8Array[]): void {
    this.raw.send(...packets);
  }

  /** CONNECT, and the CONNACK that must accept it. */
  async connect(options: p.ConnectOptions5 = {}): Promise<this> {
    this.send(p.connect(options));
    this.connack = await this.next('connack');
    if (this.connack.code !== 0) throw new Error(`CONNACK has code ${this.connack.code}`);
    return this;
  }

  /** The next packet, which must be of this type. */
  async next(type?: p.Packet5['type']): Promise<p.Packet5> {
    const packet = (await this.raw.next()) as unknown as p.Packet5;
    if (type && packet.type !== type) {
      throw new Error(`expected ${type}, but ${packet.type} ${packet.raw.toString('hex')} came`);
    }
    return packet;
  }

  /** The first packet of this type; what came before it stays. */
  take(type: p.Packet5['type']): Promise<p.Packet5> {
    return this.raw.take(type as never) as Promise<unknown> as Promise<p.Packet5>;
  }

  id(): number {
    this.#lastId = (this.#lastId % 0xffff) + 1;
    return this.#lastId;
  }

  /** SUBSCRIBE and its SUBACK; resolves with the reason codes. */
  async subscribe(
    wishes: readonly p.Wish5[],
    properties: p.Properties = [],
  ): Promise<readonly number[]> {
    const id = this.id();
    this.send(p.subscribe(id, wishes, properties));
    const suback = await this.take('suback');
    if (suback.id !== id) throw new Error(`SUBACK has identifier ${suback.id}, not ${id}`);
    return suback.codes!;
  }

  /** UNSUBSCRIBE and its UNSUBACK; resolves with the reason codes. */
  async unsubscribe(...filters: readonly string[]): Promise<readonly number[]> {
    const id = this.id();
    this.send(p.unsubscribe(id, filters));
    return (await this.take('unsuback')).codes!;
  }

  /** PUBLISH and the whole handshake of its QoS; resolves with the reason code of PUBACK or PUBREC. */
  async publish(
    topic: string,
    payload: string | Uint8Array = '',
    options: p.PublishOptions5 = {},
  ): Promise<number> {
    const { qos = 0 } = options;
    const id = options.id ?? (qos > 0 ? this.id() : 0);
    this.send(p.publish(topic, payload, { ...options, id }));
    if (qos === 0) return 0;
    const answer = await this.take(qos === 1 ? 'puback' : 'pubrec');
    if (answer.id !== id) throw new Error(`${answer.type} has identifier ${answer.id}, not ${id}`);
    if (qos === 1 || answer.code! >= 0x80) return answer.code!;
    this.send(p.acknowledge('pubrel', id));
    await this.take('pubcomp');
    return answer.code!;
  }

  /** The next packet, which must be a PUBLISH; acknowledges it to the end. */
  async message(): Promise<p.Packet5> {
    const message = await this.next('publish');
    if (message.qos === 1) this.send(p.acknowledge('puback', message.id!));
    if (message.qos === 2) {
      this.send(p.acknowledge('pubrec', message.id!));
      await this.take('pubrel');
      this.send(p.acknowledge('pubcomp', message.id!));
    }
    return message;
  }

  /** PINGREQ, and nothing may come before its PINGRESP. */
  async quiet(): Promise<void> {
    this.send(Buffer.from([0xc0, 0]));
    await this.next('pingresp');
  }

  /** The DISCONNECT of the server with this reason code, and then the end of the connection. */
  async ended(code: number): Promise<p.Packet5> {
    const packet = await this.next('disconnect');
    if (packet.code !== code) throw new Error(`DISCONNECT has code ${packet.code}, not ${code}`);
    await this.raw.closed();
    return packet;
  }

  async disconnect(code?: number, properties?: p.Properties): Promise<void> {
    this.send(p.disconnect(code, properties));
    await this.raw.gone();
    this.raw.destroy();
  }

  destroy(): void {
    this.raw.destroy();
  }
}
