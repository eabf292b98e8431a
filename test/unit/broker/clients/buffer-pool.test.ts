import { describe, expect, test } from 'vitest';
import { BufferPool, SLOT_BYTES } from '../../../../src/broker/clients/buffer-pool.ts';

describe('slots', () => {
  test('each is given once, none is where chunks or kept bytes are read, and then there are none', () => {
    const pool = new BufferPool();
    const starts = Array.from({ length: 128 }, () => pool.takeSlot());
    expect(new Set(starts).size).toBe(128);
    expect(Math.min(...starts)).toBe(SLOT_BYTES);
    expect(Math.max(...starts)).toBe(128 * SLOT_BYTES);
    expect(starts.every((start) => start % SLOT_BYTES === 0)).toBe(true);
    expect(pool.takeSlot()).toBe(-1);
  });

  test('those for bytes that wait are behind the others, have room for a chunk and more, and end with the buffer', () => {
    const { buffer, keepSlots } = new BufferPool();
    expect(keepSlots.buffer).toBe(buffer);
    expect(keepSlots.size).toBeGreaterThan(SLOT_BYTES);
    const starts: number[] = [];
    while (keepSlots.hasFree) starts.push(keepSlots.take());
    expect(starts).toEqual(
      Array.from({ length: 64 }, (_, i) => 129 * SLOT_BYTES + i * keepSlots.size),
    );
    expect(starts.at(-1)! + keepSlots.size).toBe(buffer.length);
    keepSlots.free(starts[5]!);
    expect([keepSlots.hasFree, keepSlots.take(), keepSlots.hasFree]).toEqual([
      true,
      starts[5],
      false,
    ]);
  });

  test('one that was given back is given again', () => {
    const pool = new BufferPool();
    const start = pool.takeSlot();
    pool.freeSlot(start);
    expect(pool.takeSlot()).toBe(start);
  });

  test('two pools share nothing', () => {
    const [one, other] = [new BufferPool(), new BufferPool()];
    expect(one.buffer.buffer).not.toBe(other.buffer.buffer);
    for (let i = 0; i < 128; i++) one.takeSlot();
    expect(other.takeSlot()).toBeGreaterThan(0);
  });
});

describe('a received chunk', () => {
  test.each([1024, SLOT_BYTES])('of %i bytes is copied into the pool', (size) => {
    const pool = new BufferPool();
    const chunk = Buffer.alloc(size, 7);
    expect(pool.bufferOf(chunk)).toBe(pool.buffer);
    expect(pool.buffer.subarray(0, size).equals(chunk)).toBe(true);
  });

  test.each([1, 1023, SLOT_BYTES + 1])('of %i bytes is read where it is', (size) => {
    const chunk = Buffer.alloc(size, 7);
    expect(new BufferPool().bufferOf(chunk)).toBe(chunk);
  });
});
