import { lengthBytes } from './codec.ts';
import type { Transport } from './transport.ts';

const SIZE = 64 * 1024;
/** Buffers kept for re-use; more than that many connections with something to say at once are rare. */
const POOLED = 64;
const pool: Buffer[] = [];

let waiting: Output[] = [];
let scheduled = false;

function flushAll(): void {
  scheduled = false;
  const outputs = waiting;
  waiting = [];
  for (const output of outputs) output.flush();
}

/** Gathers what one connection is sent during a turn of the event loop and writes it at the turn's end. */
export class Output {
  /** Bytes that the socket has not taken above which QoS 0 is dropped and QoS 1 and 2 wait. */
  static readonly BOUND = 8 * 1024 * 1024;
  readonly #transport: Transport;
  #buffer: Buffer | undefined;
  #length = 0;
  /** Bytes of answers that have come up since the peer was last seen to read. */
  #answers = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** True while the peer reads too slowly to be given more. */
  get congested(): boolean {
    return this.#transport.pending > Output.BOUND;
  }

  /** True when a peer that reads nothing goes on asking: its answers alone would fill the memory. */
  get stuck(): boolean {
    return this.#answers > Output.BOUND;
  }

  /** A packet of two bytes' remaining length, a packet identifier: all acknowledgements and PUBREL. */
  acknowledge(header: number, packetId: number): void {
    this.#answers += 4;
    const at = this.#reserve(4);
    const buffer = this.#buffer!;
    buffer[at] = header;
    buffer[at + 1] = 2;
    buffer[at + 2] = packetId >> 8;
    buffer[at + 3] = packetId;
  }

  /** Bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#answers += bytes.length;
    if (bytes.length > SIZE) {
      this.flush();
      this.#transport.write(Buffer.from(bytes));
      return;
    }
    const at = this.#reserve(bytes.length);
    this.#buffer!.set(bytes, at);
  }

  /**
   * A PUBLISH from a place where topic length and topic stand at [topicStart, topicEnd) and the payload
   * at [payloadStart, end); `packetId` is 0 for QoS 0.
   */
  publish(
    header: number,
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    payloadStart: number,
    end: number,
    packetId: number,
  ): void {
    const idBytes = packetId === 0 ? 0 : 2;
    const remaining = topicEnd - topicStart + idBytes + end - payloadStart;
    const size = 1 + lengthBytes(remaining) + remaining;
    const large = size > SIZE;
    if (large) this.flush();
    const buffer = large ? Buffer.allocUnsafe(size) : undefined;
    let at = large ? 0 : this.#reserve(size);
    const target = buffer ?? this.#buffer!;

    target[at++] = header;
    let rest = remaining;
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      target[at++] = rest > 0 ? low | 0x80 : low;
    } while (rest > 0);
    if (payloadStart === topicEnd + idBytes) {
      source.copy(target, at, topicStart, end);
      at += topicEnd - topicStart;
    } else {
      source.copy(target, at, topicStart, topicEnd);
      at += topicEnd - topicStart;
      source.copy(target, at + idBytes, payloadStart, end);
    }
    if (idBytes) {
      target[at] = packetId >> 8;
      target[at + 1] = packetId;
    }
    if (buffer) this.#transport.write(buffer);
  }

  /** Hands what is gathered to the socket. */
  flush(): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    const bytes = buffer.subarray(0, this.#length);
    this.#buffer = undefined;
    this.#length = 0;
    const transport = this.#transport;
    if (!this.congested) this.#answers = 0;
    if (transport.copies || transport.pending > 0) {
      transport.write(Buffer.from(bytes));
      recycle(buffer);
      return;
    }
    transport.write(bytes);
    // The socket keeps what the kernel did not take; only a buffer that is free may be used again.
    if (transport.pending === 0) recycle(buffer);
  }

  /** Makes room and gives its place. */
  #reserve(size: number): number {
    if (this.#buffer && this.#length + size > SIZE) this.flush();
    if (!this.#buffer) {
      this.#buffer = pool.pop() ?? Buffer.allocUnsafeSlow(SIZE);
      waiting.push(this);
      if (!scheduled) {
        scheduled = true;
        setImmediate(flushAll);
      }
    }
    const at = this.#length;
    this.#length += size;
    return at;
  }
}

function recycle(buffer: Buffer): void {
  if (pool.length < POOLED) pool.push(buffer);
}
