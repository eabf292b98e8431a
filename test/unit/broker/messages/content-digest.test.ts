import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { continueDigest, DIGEST_START } from '../../../../src/broker/messages/content-digest.ts';

const digest = (bytes: Buffer): number => continueDigest(DIGEST_START, bytes, 0, bytes.length);

test('its values are those that earlier versions have stored', () => {
  const texts = ['', 'a', '1234567', '12345678', '123456789abcdef01'];
  expect(texts.map((text) => digest(Buffer.from(text)))).toEqual([
    1_259_561_513, -695_323_828, -338_377_186, 597_613_907, -1_080_946_043,
  ]);
});

test('it is that of the bytes alone, wherever they are', () => {
  const bytes = Buffer.from('robotcell1/temperature 21.5 in the hall');
  for (let offset = 0; offset < 9; offset++) {
    const elsewhere = Buffer.concat([randomBytes(offset), bytes, randomBytes(5)]);
    expect(continueDigest(DIGEST_START, elsewhere, offset, offset + bytes.length)).toBe(
      digest(bytes),
    );
    const view = elsewhere.subarray(offset);
    expect(continueDigest(DIGEST_START, view, 0, bytes.length)).toBe(digest(bytes));
  }
});

test('every bit of every byte counts, and so do added zeros and the order of the words', () => {
  for (let length = 0; length <= 40; length++) {
    const bytes = Buffer.alloc(length, 0x31);
    const all = new Set([digest(bytes)]);
    for (let bit = 0; bit < 8 * length; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      all.add(digest(changed));
    }
    all.add(digest(Buffer.concat([bytes, Buffer.alloc(1)])));
    all.add(digest(Buffer.concat([bytes, Buffer.alloc(8)])));
    expect(all.size).toBe(8 * length + 3);
  }
  const words = Buffer.from('11112222333344445555666677778888');
  const swapped = Buffer.from('33334444111122225555666677778888');
  expect(digest(words)).not.toBe(digest(swapped));
});

test('two changed bits never cancel each other', () => {
  const bytes = Buffer.alloc(32);
  const all = new Set<number>();
  for (let one = 0; one < 256; one++) {
    for (let two = 0; two < one; two++) {
      const changed = Buffer.from(bytes);
      changed[one >> 3]! ^= 1 << (one & 7);
      changed[two >> 3]! ^= 1 << (two & 7);
      all.add(digest(changed));
    }
  }
  // 32,640 values of 32 bits: more than one pair in common would be no accident.
  expect(all.size).toBeGreaterThanOrEqual((256 * 255) / 2 - 1);
});
