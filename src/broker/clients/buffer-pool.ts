/** Bytes of a slot: what one read gives at most, and what one connection gathers before it is written. */
export const SLOT = 64 * 1024;
const SLOTS = 128;

/**
 * One buffer for what is read and what is gathered: bytes move inside it by `copyWithin`, which costs a third
 * of a copy between two buffers. Untouched slots cost no memory.
 */
export const pool: Buffer = Buffer.allocUnsafeSlow(SLOT * (SLOTS + 1));

const free: number[] = [];
for (let slot = SLOTS; slot > 0; slot--) free.push(slot * SLOT);

/** Where a free slot begins, -1 when there is none. */
export function takeSlot(): number {
  return free.pop() ?? -1;
}

/** Gives a slot back; nothing may read it any more. */
export function freeSlot(start: number): void {
  free.push(start);
}

/** Fewer bytes than this are not worth the move into the arena. */
const SMALL = 1024;

/** Where the chunk's bytes stand from 0 on: in the arena, until the next is read, or where they are if that does not pay. */
export function intoPool(chunk: Buffer): Buffer {
  if (chunk.length < SMALL || chunk.length > SLOT) return chunk;
  pool.set(chunk, 0);
  return pool;
}

/** Copies [start, end) of the source to the target's place. */
export function copyBytes(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  place: number,
): void {
  if (source === target) target.copyWithin(place, start, end);
  else if (start === 0 && end === source.length) target.set(source, place);
  else source.copy(target, place, start, end);
}
