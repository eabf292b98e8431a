import type { Stage } from '../../mqtt/packet-reader.ts';

/** Bytes of a slot: the most that one read returns, and that one connection collects before a write. */
export const SLOT_BYTES = 64 * 1024;
const SLOTS = 128;
/** A smaller chunk is not copied into the pool, because the copy would cost more than it saves. */
const SMALL_BYTES = 1024;

/**
 * One buffer for received bytes and for bytes to send: `copyWithin` inside it costs a third of a copy
 * between two buffers. Unused slots need no memory.
 */
export class BufferPool {
  /** The first slot is for the chunk that is being read, the second the stage, the others are for send buffers. */
  readonly buffer: Buffer = Buffer.allocUnsafeSlow(SLOT_BYTES * (SLOTS + 2));
  /** For kept bytes that are being read. */
  readonly stage: Stage = {
    buffer: this.buffer,
    start: SLOT_BYTES,
    size: SLOT_BYTES,
    owner: undefined,
  };
  /** Sockets read into the first slot. */
  readonly readBuffer: Buffer = this.buffer.subarray(0, SLOT_BYTES);
  readonly #free: number[] = [];

  constructor() {
    for (let slot = SLOTS + 1; slot > 1; slot--) this.#free.push(slot * SLOT_BYTES);
  }

  /** The offset of a free slot; -1 when there is none. */
  takeSlot(): number {
    return this.#free.pop() ?? -1;
  }

  /** Releases a slot; it must not be read afterwards. */
  freeSlot(start: number): void {
    this.#free.push(start);
  }

  /**
   * The buffer that has the chunk's bytes from 0 on: the pool's buffer, valid until the next call, or the chunk itself.
   * A chunk that was read into `readBuffer` is where it belongs.
   */
  bufferOf(chunk: Buffer): Buffer {
    if (chunk.buffer === this.buffer.buffer) return this.buffer;
    if (chunk.length < SMALL_BYTES || chunk.length > SLOT_BYTES) return chunk;
    this.buffer.set(chunk, 0);
    return this.buffer;
  }
}
