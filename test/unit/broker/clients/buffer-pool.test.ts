import { describe, expect, test } from 'vitest';
import { BufferPool, SLOT_BYTES } from '../../../../src/broker/clients/buffer-pool.ts';

describe('slots', () => {
  test('each is given once, none is where chunks or kept bytes are read, and then there are none', () => {
    const pool = new BufferPool();
    const starts = Array.from({ length: 128 }, () => pool.takeSlot());
    expect(new Set(starts).size).toBe(128);
    expect(Math.min(...starts)).toBe(2 * SLOT_BYTES);
    expect(Math.max(...starts)).toBe(pool.buffer.length - SLOT_BYTES);
    expect(starts.every((start) => start % SLOT_BYTES === 0)).toBe(true);
    expect(pool.takeSlot()).toBe(-1);
  });

  test('the stage is in the buffer, behind the chunk', () => {
    const { buffer, stage } = new BufferPool();
    expect(stage).toMatchObject({ start: SLOT_BYTES, size: SLOT_BYTES });
    expect(stage.buffer).toBe(buffer);
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
