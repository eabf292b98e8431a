import { createConnection, type Socket } from 'node:net';
import * as packets from '../../support/packets.ts';
import * as p from '../../support/packets-5.ts';
import type { Deliveries, Sent } from './deliveries.ts';

/** What a client does not answer until told: nothing, messages, or the end of the QoS 2 handshake. */
export type Held = 'nothing' | 'messages' | 'releases';

/** How long something that must come may take. */
const WAIT_MS = Number(process.env.MODEL_WAIT_MS ?? 15_000);

/** Where a whole gateway publishes its own state. */
const OWN = 'robotcell1/';

/** Shows every packet, to understand a failure. */
const TRACE = process.env.MODEL_TRACE === '1';

/** A QoS 1 or 2 message that this client has published and that is not completed. */
export interface Outgoing {
  readonly sent: Sent;
  readonly id: number;
  phase: 'publish' | 'release';
}

/**
 * A client over TCP that keeps its side of the session [MQTT 3.1.1, section 4.1] over several connections,
 * and hands all that arrives to the model of what may arrive.
 */
export class ModelClient {
  readonly id: string;
  held: Held = 'nothing';
  /** Published and not completed, in order. */
  outgoing: Outgoing[] = [];
  /** PUBREL is sent only when told. */
  holdsRelease = false;
  deliveries: Deliveries | undefined;
  /** Hears of every message; in place of `deliveries` where there is no model. */
  onMessage: ((message: packets.Publish) => void) | undefined;
  failure: Error | undefined;
  /** Whether the connection is one of MQTT 5. */
  five = false;
  /** Of MQTT 5: it refuses some of the messages with a reason code. */
  refuses = false;
  /** Topics by the aliases that the gateway uses. */
  readonly #aliases = new Map<number, string>();
  #socket: Socket | undefined;
  #reader = new packets.PacketReader();
  #answers: packets.Packet[] = [];
  #unanswered: packets.Packet[] = [];
  #lastId = 0;
  /** Our side is closed: nothing that comes is answered any more. */
  #ending = false;
  #wake: (() => void) | undefined;

  constructor(id: string) {
    this.id = id;
  }

  get online(): boolean {
    return this.#socket !== undefined;
  }

  /** CONNECT and its CONNACK; a connection that is still there is left to the gateway to close. */
  async connect(
    port: number,
    options: packets.ConnectOptions,
    options5?: p.ConnectOptions5,
  ): Promise<Pick<packets.Connack, 'sessionPresent'>> {
    const before = this.#socket;
    const gone = before && new Promise<void>((resolve) => before.once('close', () => resolve()));
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    socket.on('error', () => undefined);
    this.#socket = socket;
    this.five = options5 !== undefined;
    this.#aliases.clear();
    this.#reader = new packets.PacketReader(this.five ? (p.parse as never) : undefined);
    this.#answers = [];
    this.#unanswered = [];
    this.#ending = false;
    socket.on('data', (chunk) => {
      if (this.#socket === socket) this.#receive(chunk);
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#wake?.();
    });
    const connect = options5
      ? p.connect({ ...options5, clientId: this.id })
      : packets.connect({ ...options, clientId: this.id });
    if (TRACE) console.log(`${this.id} > ${connect.toString('latin1')}`);
    socket.write(connect);
    const connack = await this.answer('connack');
    if (connack.code !== 0) throw new Error(`${this.id}: CONNACK ${connack.code}`);
    if (gone) await bounded(gone, `${this.id}: the gateway to close the earlier connection`);
    return connack;
  }

  send(...bytes: readonly Uint8Array[]): void {
    if (TRACE) console.log(`${this.id} > ${Buffer.concat(bytes).toString('latin1')}`);
    this.#socket?.write(Buffer.concat(bytes));
  }

  /** An identifier that nothing under way has. */
  packetId(): number {
    do this.#lastId = (this.#lastId % 0xffff) + 1;
    while (this.outgoing.some(({ id }) => id === this.#lastId));
    return this.#lastId;
  }

  /** The next packet that answers one of ours; it must be of this type. */
  async answer<T extends packets.PacketType>(type: T): Promise<packets.PacketOf<T>> {
    await this.until(() => this.#answers.length > 0, type);
    const answer = this.#answers.shift()!;
    if (answer.type !== type) throw new Error(`${this.id}: ${answer.type} came, not ${type}`);
    return answer as packets.PacketOf<T>;
  }

  /** Whatever the gateway had to say before this has arrived when it resolves. */
  async ping(): Promise<void> {
    this.send(packets.pingreq);
    await this.answer('pingresp');
  }

  /** Waits for something that packets bring about. */
  async until(condition: () => boolean, what: string | (() => string)): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      if (this.failure) throw this.failure;
      if (condition()) return;
      const words = `${this.id} waited for ${typeof what === 'string' ? what : what()}`;
      if (!this.#socket) throw new Error(`${words}, but the gateway closed`);
      if (Date.now() >= deadline) throw new Error(words);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, deadline - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Answers up to `count` of the messages that were held back, oldest first. */
  answerHeld(count: number): void {
    for (const packet of this.#unanswered.splice(0, count)) this.#answer(packet);
  }

  /** Ends our side without DISCONNECT and waits until the gateway has seen it. */
  async drop(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    this.#ending = true;
    socket.end();
    await bounded(closed, `${this.id}: the gateway to close`);
  }

  /** A PUBLISH in the version of the connection. */
  publish(sent: Sent, id: number, dup = false): Buffer {
    const { topic, payload, qos, retain, properties, expiry } = sent;
    if (!this.five) {
      if (dup && properties.length > 0) sent.stripped = true;
      return packets.publish(topic, payload, { qos, retain, id, dup });
    }
    const all: p.Properties = expiry > 0 ? [['messageExpiry', expiry], ...properties] : properties;
    return p.publish(topic, payload, { qos, retain, id, dup, properties: all });
  }

  /** DISCONNECT; resolves when the gateway has closed. */
  async disconnect(packet: Buffer = packets.disconnect): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(packet);
    await bounded(closed, `${this.id}: the gateway to close after DISCONNECT`);
  }

  /** The connection is gone at once; what is under way on it is lost. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.resetAndDestroy();
  }

  /** Sends again what a resumed session owes [MQTT-4.4.0-1]. */
  resume(): void {
    for (const { sent, id, phase } of this.outgoing) {
      if (phase === 'release') this.send(packets.pubrel(id));
      else this.send(this.publish(sent, id, true));
    }
  }

  #receive(chunk: Buffer): void {
    try {
      for (const packet of this.#reader.push(chunk)) this.#packet(packet);
    } catch (error) {
      this.failure ??= new Error(`${this.id}: ${(error as Error).message}`, { cause: error });
    }
    this.#wake?.();
  }

  #packet(packet: packets.Packet): void {
    if (TRACE) console.log(`${this.id} < ${packet.type} ${packet.raw.toString('latin1')}`);
    switch (packet.type) {
      case 'publish':
        if (this.five) this.#resolve(packet);
        if (packet.topic.startsWith(OWN)) return;
        this.onMessage?.(packet);
        this.deliveries?.published(packet);
        if (packet.qos === 0) return;
        if (this.held === 'messages') this.#unanswered.push(packet);
        else this.#answer(packet);
        return;
      case 'pubrel':
        this.deliveries?.released(packet.id);
        if (this.held === 'releases') this.#unanswered.push(packet);
        else this.#answer(packet);
        return;
      case 'puback':
      case 'pubrec':
        this.#checkCode(packet as unknown as p.Packet5);
        return this.#acknowledged(packet.id, packet.type === 'puback' ? 1 : 2);
      case 'pubcomp': {
        const completed = this.outgoing.find(({ id }) => id === packet.id);
        if (completed?.phase !== 'release') throw new Error(`PUBCOMP ${packet.id} unasked`);
        this.outgoing.splice(this.outgoing.indexOf(completed), 1);
        return;
      }
      default:
        if (this.#isFarewell(packet as unknown as p.Packet5)) return;
        this.#answers.push(packet);
    }
  }

  /** A topic alias stands for the topic that it came with. */
  #resolve(packet: packets.Publish): void {
    const alias = p.valueIn(packet as unknown as p.Packet5, 'topicAlias') as number | undefined;
    if (alias === undefined) return;
    if (packet.topic !== '') this.#aliases.set(alias, packet.topic);
    const topic = this.#aliases.get(alias);
    if (topic === undefined) throw new Error(`alias ${alias} without a topic`);
    Object.assign(packet, { topic });
  }

  /** There may be no subscriber; nothing else is wrong with what is published here. */
  #checkCode({ type, code = 0 }: p.Packet5): void {
    if (code !== 0 && code !== 0x10) throw new Error(`${type} has code ${code}`);
  }

  /** DISCONNECT of the gateway: taken over or shutting down, no other reason. */
  #isFarewell({ type, code = 0 }: p.Packet5): boolean {
    if (type !== 'disconnect') return false;
    if (code !== 0x8b && code !== 0x8e) throw new Error(`DISCONNECT has code ${code}`);
    return true;
  }

  /** Acknowledgements come in the order of the messages [MQTT-4.6.0-2, 4.6.0-3]. */
  #acknowledged(id: number, qos: 1 | 2): void {
    const first = this.outgoing.find(
      (each) => each.sent.qos === qos && (each.phase === 'publish' || each.id === id),
    );
    if (first?.id !== id) throw new Error(`acknowledgement of ${id}, out of order or unasked`);
    first.sent.acknowledged = true;
    if (qos === 1) this.outgoing.splice(this.outgoing.indexOf(first), 1);
    else {
      first.phase = 'release';
      if (!this.holdsRelease && !this.#ending) this.send(packets.pubrel(id));
    }
  }

  #answer(packet: packets.Packet): void {
    if (this.#ending) return;
    if (packet.type === 'pubrel') {
      this.send(packets.pubcomp(packet.id));
      this.deliveries?.done(packet.id);
    } else if (packet.type === 'publish' && this.five && this.refuses && isRefused(packet)) {
      this.send(p.acknowledge(packet.qos === 1 ? 'puback' : 'pubrec', packet.id, NOT_TAKEN));
      this.deliveries?.refused(packet.id);
    } else if (packet.type === 'publish' && packet.qos === 1) {
      this.send(packets.puback(packet.id));
      this.deliveries?.done(packet.id);
    } else if (packet.type === 'publish') {
      this.send(packets.pubrec(packet.id));
      this.deliveries?.receiving(packet.id);
    }
  }
}

const NOT_TAKEN = 0x83;

function isRefused({ payload }: packets.Publish): boolean {
  return payload.endsWith('3') || payload.endsWith('6');
}

/** Waits for what must happen within the bound. */
async function bounded<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited for ${what}`)), WAIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
