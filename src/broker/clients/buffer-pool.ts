/** Bytes of a slot: what one read gives at most, and what one connection gathers before it is written. */
export const SLOT_BYTES = 64 * 1024;
const SLOTS = 128;
/** A smaller chunk is read where it is: copying it into the pool would cost more than it saves. */
const SMALL_BYTES = 1024;

/**
 * One buffer for received bytes and for bytes to send: a copy inside it by `copyWithin` costs a third of a copy
 * between two buffers. Unused slots cost no memory.
 */
export class BufferPool {
  /** Its first slot is for the chunk that is being read, the others are for send buffers. */
  readonly buffer: Buffer = Buffer.allocUnsafeSlow(SLOT_BYTES * (SLOTS + 1));
  readonly #free: number[] = [];

  constructor() {
    for (let slot = SLOTS; slot > 0; slot--) this.#free.push(slot * SLOT_BYTES);
  }

  /** Where a free slot begins; -1 when there is none. */
  takeSlot(): number {
    return this.#free.pop() ?? -1;
  }

  /** Gives a slot back; nothing may read it afterwards. */
  freeSlot(start: number): void {
    this.#free.push(start);
  }

  /** The buffer that has the chunk's bytes from 0 on: the pool's until the next call, or the chunk itself. */
  bufferOf(chunk: Buffer): Buffer {
    if (chunk.length < SMALL_BYTES || chunk.length > SLOT_BYTES) return chunk;
    this.buffer.set(chunk, 0);
    return this.buffer;
  }
}
