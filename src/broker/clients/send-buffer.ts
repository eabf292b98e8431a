import { lengthBytes } from '../../mqtt/codec.ts';
import type { Transport } from '../../net/transport.ts';
import { copyBytes, freeSlot, pool, SLOT, takeSlot } from './buffer-pool.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { TrafficCounters } from './traffic-counters.ts';

/** Answers that may pile up for a peer that reads nothing. */
const ANSWERS = 8 * 1024 * 1024;

let waiting: SendBuffer[] = [];
let scheduled = false;

function flushAll(): void {
  scheduled = false;
  const outputs = waiting;
  waiting = [];
  for (const output of outputs) output.flush();
}

/** Gathers what one connection is sent during a turn of the event loop and writes it at the turn's end. */
export class SendBuffer {
  readonly #transport: Transport;
  readonly #memory: MemoryBudget;
  readonly #traffic: TrafficCounters;
  /** True while the peer reads too slowly to be given more: QoS 0 is dropped, QoS 1 and 2 wait. */
  congested = false;
  /** The arena, or a buffer of its own while all slots are taken. */
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;
  /** Bytes of answers that have come up since the peer was last seen to read. */
  #answers = 0;
  /** What of `memory.unread` is this connection's. */
  #unread = 0;

  constructor(
    transport: Transport,
    memory: MemoryBudget,
    traffic: TrafficCounters = new TrafficCounters(),
  ) {
    this.#traffic = traffic;
    this.#transport = transport;
    this.#memory = memory;
  }

  /** True when a peer that reads nothing goes on asking: its answers alone would fill the memory. */
  get stuck(): boolean {
    return this.#answers > ANSWERS;
  }

  /** Takes the peer's share of the memory anew; 0 once the connection is closed. */
  measure(unread: number = this.#transport.pending): void {
    this.#memory.unread += unread - this.#unread;
    this.#unread = unread;
    this.congested = this.#memory.isTooMuch(unread);
  }

  /** A packet of two bytes' remaining length, a packet identifier: all acknowledgements and PUBREL. */
  acknowledge(header: number, packetId: number): void {
    this.#answers += 4;
    this.#traffic.packetsSent++;
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
    this.#traffic.packetsSent++;
    if (bytes.length > SLOT) {
      this.flush();
      this.#traffic.bytesSent += bytes.length;
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
    const large = size > SLOT;
    const traffic = this.#traffic;
    traffic.packetsSent++;
    traffic.publishSent++;
    traffic.publishBytesSent += end - payloadStart;
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
      copyBytes(source, topicStart, end, target, at);
    } else if (payloadStart === topicEnd) {
      // One move of all and a short one back take half the time of two moves.
      copyBytes(source, topicStart, end, target, at + idBytes);
      target.copyWithin(at, at + idBytes, at + idBytes + topicEnd - topicStart);
    } else {
      copyBytes(source, topicStart, topicEnd, target, at);
      copyBytes(source, payloadStart, end, target, at + topicEnd - topicStart + idBytes);
    }
    at += topicEnd - topicStart;
    if (idBytes) {
      target[at] = packetId >> 8;
      target[at + 1] = packetId;
    }
    if (!buffer) return;
    traffic.bytesSent += size;
    this.#transport.write(buffer);
    this.measure();
  }

  /** Hands what is gathered to the socket. */
  flush(): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    const bytes = buffer.subarray(this.#start, this.#end);
    this.#traffic.bytesSent += bytes.length;
    this.#buffer = undefined;
    const transport = this.#transport;
    const shared = buffer === pool;
    if (shared && (transport.copies || transport.pending > 0)) {
      transport.write(Buffer.from(bytes));
      freeSlot(this.#start);
    } else {
      transport.write(bytes);
      if (shared) this.#giveBack();
    }
    this.measure();
    if (!this.congested) this.#answers = 0;
  }

  /** What the kernel did not take at once, the socket still reads from the slot. */
  #giveBack(): void {
    const start = this.#start;
    if (this.#transport.pending === 0) freeSlot(start);
    else this.#transport.onceTaken(() => freeSlot(start));
  }

  /** Makes room and gives its place. */
  #reserve(size: number): number {
    if (this.#buffer && this.#end - this.#start + size > SLOT) this.flush();
    if (!this.#buffer) {
      const slot = takeSlot();
      this.#buffer = slot < 0 ? Buffer.allocUnsafeSlow(SLOT) : pool;
      this.#start = Math.max(slot, 0);
      this.#end = this.#start;
      waiting.push(this);
      if (!scheduled) {
        scheduled = true;
        setImmediate(flushAll);
      }
    }
    const at = this.#end;
    this.#end += size;
    return at;
  }
}
