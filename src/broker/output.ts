import { lengthBytes } from './codec.ts';
import type { Memory } from './memory.ts';
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
  readonly #transport: Transport;
  readonly #memory: Memory;
  #buffer: Buffer | undefined;
  #length = 0;
  /** What of `memory.unread` is this connection's. */
  #unread = 0;

  constructor(transport: Transport, memory: Memory) {
    this.#transport = transport;
    this.#memory = memory;
  }

  /** True while the peer reads too slowly to be given more: QoS 0 is dropped, QoS 1 and 2 wait. */
  get congested(): boolean {
    return this.#memory.isTooMuch(this.#transport.pending);
  }

  /** Takes the peer's share of the memory anew; 0 once the connection is closed. */
  measure(unread: number = this.#transport.pending): void {
    this.#memory.unread += unread - this.#unread;
    this.#unread = unread;
  }

  /** A packet of two bytes' remaining length, a packet identifier: all acknowledgements and PUBREL. */
  acknowledge(header: number, packetId: number): void {
    const at = this.#reserve(4);
    const buffer = this.#buffer!;
    buffer[at] = header;
    buffer[at + 1] = 2;
    buffer[at + 2] = packetId >> 8;
    buffer[at + 3] = packetId;
  }

  /** Bytes as they are. */
  write(bytes: Uint8Array): void {
    if (bytes.length > SIZE) {
      this.flush();
      this.#transport.write(Buffer.from(bytes));
      this.measure();
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
    if (!buffer) return;
    this.#transport.write(buffer);
    this.measure();
  }

  /** Hands what is gathered to the socket. */
  flush(): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    const bytes = buffer.subarray(0, this.#length);
    this.#buffer = undefined;
    this.#length = 0;
    const transport = this.#transport;
    if (transport.copies || transport.pending > 0) {
      transport.write(Buffer.from(bytes));
      recycle(buffer);
      this.measure();
      return;
    }
    transport.write(bytes);
    // The socket keeps what the kernel did not take; only a buffer that is free may be used again.
    if (transport.pending === 0) recycle(buffer);
    else this.measure();
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
