import { packetBytes, writePublish } from '../../mqtt/publish-encoder.ts';
import type { Transport } from '../../net/transport.ts';
import type { MemoryBudget } from '../messages/memory-budget.ts';
import { LARGE_BYTES, type PacketBuffer } from '../messages/packet-buffer.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { type BufferPool, SLOT_BYTES } from './buffer-pool.ts';
import type { FlushQueue } from './flush-queue.ts';

/** The parts that all send buffers of one broker share. */
export interface SendBufferParts {
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  readonly pool: BufferPool;
  readonly flushQueue: FlushQueue;
}

/** The most bytes of answers that may wait for a peer that reads nothing. */
const ANSWER_BYTES = 8 * 1024 * 1024;
/** What a buffer outside the pool has at first: where a message goes to thousands of clients, each needs little. */
const OWN_BYTES = 1024;

/** Collects the bytes for one connection during a turn of the event loop and writes them at the end of the turn. */
export class SendBuffer implements PacketBuffer {
  readonly #transport: Transport;
  readonly #memory: MemoryBudget;
  readonly #traffic: TrafficCounters;
  readonly #pool: BufferPool;
  readonly #flushQueue: FlushQueue;
  /** Where the packet begins for which `beginPublish` has made room. */
  at = 0;
  congested = false;
  backlogged = false;
  /** The pool's buffer; this connection's own buffer while all slots are in use. */
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;
  /** Where its room ends. */
  #limit = 0;
  /** Bytes of answers since the peer last read something. */
  #answerBytes = 0;
  /** This connection's part of `memory.unread`. */
  #unread = 0;
  /** Bytes handed to the socket. */
  #sent = 0;

  constructor(transport: Transport, { memory, traffic, pool, flushQueue }: SendBufferParts) {
    this.#transport = transport;
    this.#memory = memory;
    this.#traffic = traffic;
    this.#pool = pool;
    this.#flushQueue = flushQueue;
  }

  /** True when a peer that reads nothing continues to send requests: the answers would fill the memory. */
  get stuck(): boolean {
    return this.#answerBytes > ANSWER_BYTES;
  }

  get unread(): number {
    return this.#unread;
  }

  get taken(): number {
    return this.#sent - this.#transport.pending;
  }

  /** Counts the bytes that the peer has not read; 0 when the connection is closed. */
  measure(unread: number = this.#transport.pending): void {
    this.#memory.unread += unread - this.#unread;
    this.#unread = unread;
    this.congested = this.#memory.isTooMuch(unread);
    this.backlogged = this.#memory.isBacklog(unread);
  }

  /** Sends a packet that has only a packet identifier: every acknowledgement and PUBREL. */
  acknowledge(header: number, packetId: number): void {
    this.#answerBytes += 4;
    this.#traffic.packetsSent++;
    const at = this.#reserve(4);
    const buffer = this.#buffer!;
    buffer[at] = header;
    buffer[at + 1] = 2;
    buffer[at + 2] = packetId >> 8;
    buffer[at + 3] = packetId;
  }

  write(bytes: Uint8Array): void {
    this.#answerBytes += bytes.length;
    this.#traffic.packetsSent++;
    if (bytes.length > SLOT_BYTES) {
      this.flush();
      this.#count(bytes.length);
      this.#transport.write(Buffer.from(bytes));
      this.measure();
      return;
    }
    const at = this.#reserve(bytes.length);
    this.#buffer!.set(bytes, at);
  }

  publish(
    header: number,
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    payloadStart: number,
    end: number,
    packetId: number,
  ): void {
    const payloadBytes = end - payloadStart;
    const remaining = topicEnd - topicStart + (packetId === 0 ? 0 : 2) + payloadBytes;
    const target = this.beginPublish(packetBytes(remaining), payloadBytes);
    writePublish(
      target,
      this.at,
      header,
      remaining,
      source,
      topicStart,
      topicEnd,
      payloadStart,
      payloadBytes > LARGE_BYTES ? payloadStart : end,
      packetId,
    );
    if (target !== this.#buffer) this.endPublish(target, source, payloadStart, end);
  }

  /**
   * Makes room for a PUBLISH of `size` bytes: it is to be written to the returned buffer, from `at` on, without its
   * payload where that has more than LARGE_BYTES.
   */
  beginPublish(size: number, payloadBytes: number): Buffer {
    const traffic = this.#traffic;
    traffic.packetsSent++;
    traffic.publishSent++;
    traffic.publishBytesSent += payloadBytes;
    if (size <= SLOT_BYTES && payloadBytes <= LARGE_BYTES) {
      this.at = this.#reserve(size);
      return this.#buffer!;
    }
    this.flush();
    this.at = 0;
    return Buffer.allocUnsafe(payloadBytes > LARGE_BYTES ? size - payloadBytes : size);
  }

  /** The PUBLISH is written to the buffer that `beginPublish` has returned; its payload is at [payloadStart, end). */
  endPublish(target: Buffer, source: Buffer, payloadStart: number, end: number): void {
    // What is too large for a slot has a buffer that is not collected.
    if (target === this.#buffer) return;
    const transport = this.#transport;
    this.#count(target.length);
    if (end - payloadStart > LARGE_BYTES) {
      const payload = source.subarray(payloadStart, end);
      this.#count(payload.length);
      if (transport.writeBoth) transport.writeBoth(target, payload);
      else {
        transport.write(target);
        transport.write(payload);
      }
    } else transport.write(target);
    this.measure();
  }

  /** Writes the collected bytes to the socket. */
  flush(): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    const bytes = buffer.subarray(this.#start, this.#end);
    this.#count(bytes.length);
    this.#buffer = undefined;
    const transport = this.#transport;
    const pooled = buffer === this.#pool.buffer;
    if (pooled && (transport.copies || transport.pending > 0)) {
      transport.write(Buffer.from(bytes));
      this.#pool.freeSlot(this.#start);
    } else {
      transport.write(bytes);
      if (pooled) this.#freeOnceTaken();
    }
    this.measure();
    if (!this.congested) this.#answerBytes = 0;
  }

  destroy(): void {
    this.#transport.destroy();
  }

  #count(bytes: number): void {
    this.#sent += bytes;
    this.#traffic.bytesSent += bytes;
  }

  /** The socket still reads bytes from the slot that the kernel did not accept immediately. */
  #freeOnceTaken(): void {
    const start = this.#start;
    if (this.#transport.pending === 0) this.#pool.freeSlot(start);
    else this.#transport.onceTaken(() => this.#pool.freeSlot(start));
  }

  /** Makes room for so many bytes; returns their offset. */
  #reserve(size: number): number {
    if (this.#buffer && this.#end + size > this.#limit) this.#makeRoom(size);
    if (!this.#buffer) {
      const slot = this.#pool.takeSlot();
      this.#buffer = slot < 0 ? Buffer.allocUnsafe(Math.max(size, OWN_BYTES)) : this.#pool.buffer;
      this.#start = Math.max(slot, 0);
      this.#end = this.#start;
      this.#limit = slot < 0 ? this.#buffer.length : slot + SLOT_BYTES;
      this.#flushQueue.add(this);
    }
    const at = this.#end;
    this.#end += size;
    return at;
  }

  /** A buffer outside the pool grows to as much as a slot; a full one is written. */
  #makeRoom(size: number): void {
    const buffer = this.#buffer!;
    const length = Math.min(SLOT_BYTES, Math.max(4 * buffer.length, this.#end + size));
    if (buffer === this.#pool.buffer || this.#end + size > length) {
      this.flush();
      return;
    }
    this.#buffer = Buffer.allocUnsafe(length);
    buffer.copy(this.#buffer, 0, 0, this.#end);
    this.#limit = length;
  }
}
