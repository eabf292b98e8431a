import { createConnection, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import * as packets from '../../support/packets.ts';

/** How a client treats what it is sent. */
export type Reading = 'reads' | 'stalls' | 'crawls' | 'freezes';

export interface PeerOptions {
  readonly clientId: string;
  readonly clean: boolean;
  readonly subscribe: readonly packets.Wish[];
  /** Messages carry their number; `window` is the number without an acknowledgement at QoS 1 and 2. */
  readonly publish?: { topic: string; qos: packets.Qos; window: number; size: number } | undefined;
  readonly reading: Reading;
}

/** What came on one topic. */
export interface Arrivals {
  /** Distinct numbers. */
  count: number;
  first: number;
  last: number;
  /** Numbers that were not the next one: a gap, or an earlier one without DUP. */
  readonly faults: string[];
}

/** Acknowledgements a second of a client that crawls. */
const CRAWL_PER_SECOND = 10;
const WRITABLE_BYTES = 256 * 1024;
/** Messages published in one turn of the event loop: the same process reads too. */
const MESSAGES_PER_TURN = 200;
const SHOWN_FAULTS = 5;

/** A client that may publish and subscribe on one connection, as fast as it is let. */
export class Peer {
  readonly options: PeerOptions;
  readonly arrivals = new Map<string, Arrivals>();
  sent = 0;
  acknowledged = 0;
  /** Milliseconds of the longest wait for an acknowledgement. */
  longestWait = 0;
  closed = false;
  readonly #socket: Socket;
  readonly #reader = new packets.PacketReader();
  readonly #events = new Map<string, () => void>();
  /** When each message without an acknowledgement was sent, by packet identifier. */
  readonly #sentAt = new Map<number, number>();
  readonly #owed: Buffer[] = [];
  #publishing = false;
  #crawling: NodeJS.Timeout | undefined;

  private constructor(port: number, options: PeerOptions) {
    this.options = options;
    this.#socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk) => {
      for (const packet of this.#reader.push(chunk)) this.#received(packet);
      this.#publishMore();
    });
    this.#socket.on('drain', () => this.#publishMore());
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.closed = true;
      clearInterval(this.#crawling);
    });
  }

  /** Connects and subscribes. */
  static async open(port: number, options: PeerOptions): Promise<Peer> {
    const peer = new Peer(port, options);
    const { clientId, clean, subscribe, reading } = options;
    await peer.#ask('connack', packets.connect({ clientId, clean }));
    if (subscribe.length > 0) await peer.#ask('suback', packets.subscribe(1, subscribe));
    if (reading === 'crawls') {
      peer.#crawling = setInterval(() => peer.#payOne(), 1000 / CRAWL_PER_SECOND);
    }
    return peer;
  }

  #ask(answer: string, packet: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#events.set(answer, resolve);
      this.#socket.write(packet);
    });
  }

  /** Resolves with the milliseconds until PINGRESP. */
  async ping(): Promise<number> {
    const began = performance.now();
    await this.#ask('pingresp', packets.pingreq);
    return performance.now() - began;
  }

  startPublishing(): void {
    this.#publishing = true;
    this.#publishMore();
  }

  /** Sends no more; resolves when all of it is acknowledged, or written to the kernel at QoS 0. */
  async stopPublishing(): Promise<void> {
    this.#publishing = false;
    while (!this.closed && (this.#sentAt.size > 0 || this.#socket.writableLength > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #publishMore(): void {
    const { publish } = this.options;
    if (!publish || !this.#publishing) return;
    const { topic, qos, window, size } = publish;
    for (let i = 0; this.#socket.writableLength < WRITABLE_BYTES; i++) {
      if (i === MESSAGES_PER_TURN) return void setImmediate(() => this.#publishMore());
      if (qos > 0 && this.#sentAt.size >= window) return;
      const number = ++this.sent;
      const id = ((number - 1) % 65_535) + 1;
      if (qos > 0) this.#sentAt.set(id, performance.now());
      const payload = String(number).padEnd(size);
      this.#socket.write(packets.publish(topic, payload, { qos, id }));
    }
  }

  #received(packet: packets.Packet): void {
    switch (packet.type) {
      case 'publish':
        return this.#arrived(packet);
      case 'pubrec':
        return void this.#socket.write(packets.pubrel(packet.id));
      case 'puback':
      case 'pubcomp':
        this.acknowledged++;
        this.longestWait = Math.max(
          this.longestWait,
          performance.now() - this.#sentAt.get(packet.id)!,
        );
        this.#sentAt.delete(packet.id);
        return;
      case 'pubrel':
        return this.#answer(packets.pubcomp(packet.id));
      default: {
        const resolve = this.#events.get(packet.type);
        this.#events.delete(packet.type);
        resolve?.();
      }
    }
  }

  #arrived({ topic, payload, qos, id, dup }: packets.Publish): void {
    const number = Number.parseInt(payload, 10);
    let trail = this.arrivals.get(topic);
    if (!trail) {
      trail = { count: 0, first: number, last: number - 1, faults: [] };
      this.arrivals.set(topic, trail);
    }
    if (number === trail.last + 1) {
      trail.count++;
      trail.last = number;
    } else if (number > trail.last || !dup) {
      if (trail.faults.length < SHOWN_FAULTS) trail.faults.push(`${number} after ${trail.last}`);
      trail.count++;
      trail.last = Math.max(trail.last, number);
    }
    if (qos === 1) this.#answer(packets.puback(id));
    if (qos === 2) this.#answer(packets.pubrec(id));
  }

  #answer(packet: Buffer): void {
    if (this.options.reading === 'crawls') this.#owed.push(packet);
    else this.#socket.write(packet);
  }

  #payOne(): void {
    const packet = this.#owed.shift();
    if (packet) this.#socket.write(packet);
  }
}
