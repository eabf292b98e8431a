import type { KeepSlots } from '../../mqtt/keep-slots.ts';

/** Bytes of a slot: the most that one read returns, and that one connection collects before a write. */
export const SLOT_BYTES = 64 * 1024;
const SLOTS = 128;
/** Slots for received bytes that wait for a turn: a whole chunk behind the beginning of a packet. */
const KEEP_SLOTS = 64;
const KEEP_BYTES = SLOT_BYTES + 16 * 1024;
/** A smaller chunk is not copied into the pool, because the copy would cost more than it saves. */
const SMALL_BYTES = 1024;

/**
 * One buffer for received bytes and for bytes to send: `copyWithin` inside it costs a third of a copy
 * between two buffers. Unused slots need no memory.
 */
export class BufferPool {
  /** The first slot is for the chunk that is being read, then come those for send buffers, then those for kept bytes. */
  readonly buffer: Buffer = Buffer.allocUnsafeSlow(
    SLOT_BYTES * (SLOTS + 1) + KEEP_BYTES * KEEP_SLOTS,
  );
  /** Sockets read into the first slot. */
  readonly readBuffer: Buffer = this.buffer.subarray(0, SLOT_BYTES);
  /** For bytes that wait to be read. */
  readonly keepSlots: KeepSlots;
  readonly #free: number[] = [];

  constructor() {
    for (let slot = SLOTS; slot > 0; slot--) this.#free.push(slot * SLOT_BYTES);
    const free: number[] = [];
    for (let slot = KEEP_SLOTS - 1; slot >= 0; slot--) {
      free.push(SLOT_BYTES * (SLOTS + 1) + KEEP_BYTES * slot);
    }
    this.keepSlots = {
      buffer: this.buffer,
      size: KEEP_BYTES,
      get hasFree(): boolean {
        return free.length > 0;
      },
      take: () => free.pop()!,
      free: (start) => void free.push(start),
    };
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
