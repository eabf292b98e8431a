import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DEFLATED,
  decodeSegment,
  deflated,
  encodeSegment,
  HAS_RELEASED,
  NAMES_SHARED,
  type SegmentEntry,
} from '../../../../src/store/database/segment.ts';

/** A body with the topic `t`. */
const bodyOf = (payload: string): Buffer =>
  Buffer.concat([Buffer.from('\0\x01t'), Buffer.from(payload)]);

const FIRST = 2 ** 40 - 10_000;
const anyEntries: fc.Arbitrary<SegmentEntry[]> = fc
  .array(
    fc.record({
      more: fc.integer({ min: 1, max: 300 }),
      flags: fc.constantFrom(1, 2, 1 | 4, 2 | 8, 2 | 8 | 16),
      at: fc.oneof(fc.integer({ min: 1.7e12, max: 1.7e12 + 1000 }), fc.nat(2 ** 49)),
      shared: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 45 })),
      payload: fc.string({ maxLength: 300 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((made) => {
    let seq = FIRST;
    return made.map(({ more, flags, at, shared, payload }) => {
      seq += more;
      const body = shared > 0 ? new Uint8Array(0) : bodyOf(payload);
      const length = shared > 0 ? 3 + payload.length : body.length;
      return { seq, flags: flags | (shared > 0 ? 32 : 0), at, shared, length, body };
    });
  });

test('what is encoded comes out again, deflated or not', () => {
  fc.assert(
    fc.property(anyEntries, (entries) => {
      const segment = encodeSegment(entries, FIRST);
      for (const form of [segment, deflated(segment)]) {
        const found = decodeSegment(form, FIRST);
        expect(found.sound).toBe(true);
        expect(found.entries.map((each) => ({ ...each, body: Buffer.from(each.body) }))).toEqual(
          entries.map((each) => ({ ...each, body: Buffer.from(each.body) })),
        );
      }
      expect([segment.count, segment.span]).toEqual([entries.length, entries.at(-1)!.seq - FIRST]);
      expect(segment.bytes).toBe(entries.reduce((sum, { length }) => sum + length, 0));
      expect((segment.form & NAMES_SHARED) > 0).toBe(entries.some(({ shared }) => shared > 0));
      expect((segment.form & HAS_RELEASED) > 0).toBe(entries.some(({ flags }) => flags & 16));
    }),
  );
});

test('readings of a kind are deflated, what would not be smaller is not', () => {
  const reading = (n: number): SegmentEntry => {
    const body = bodyOf(`{"value":${n / 7},"unit":"°C","quality":"good","boot":12,"seq":${n}}`);
    return { seq: n, flags: 1, at: 1.7e12 + n * 1000, shared: 0, length: body.length, body };
  };
  const readings = encodeSegment(
    Array.from({ length: 40 }, (_, n) => reading(n + 1)),
    1,
  );
  const small = deflated(readings);
  expect(small.form & DEFLATED).toBe(DEFLATED);
  expect(small.body.length).toBeLessThan(readings.body.length / 2);
  expect(deflated(small)).toBe(small);
  const single = encodeSegment([reading(1)], 1);
  expect(deflated(single)).toBe(single);
});

test('a segment that would be too large to be read is not deflated', () => {
  for (const [length, form] of [
    [1024 * 1024 - 10, DEFLATED],
    [1024 * 1024 + 1, 0],
  ] as const) {
    const body = bodyOf('x'.repeat(length - 3));
    const entry = { seq: 1, flags: 1, at: 5, shared: 0, length, body };
    const large = deflated(encodeSegment([entry], 1));
    expect(large.form).toBe(form);
    expect(decodeSegment(large, 1).entries[0]!.body).toHaveLength(length);
  }
});

test('whatever a disk gives back is decoded without an error, each entry with a body that makes sense', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(7), (body, form) => {
      for (const entry of decodeSegment({ at: 0, form, body }, 1).entries) {
        if (entry.shared > 0) continue;
        const { body: own } = entry;
        expect(2 + Buffer.from(own).readUInt16BE(0)).toBeLessThanOrEqual(own.length);
      }
    }),
  );
});

test('a segment that is cut off gives what stands before the cut', () => {
  const entries = [1, 2, 3].map((seq) => {
    const body = bodyOf(`message ${seq}`);
    return { seq, flags: 1, at: 1000, shared: 0, length: body.length, body };
  });
  const { at, form, body } = encodeSegment(entries, 1);
  const found = decodeSegment({ at, form, body: body.subarray(0, -1) }, 1);
  expect(found.sound).toBe(false);
  expect(found.entries.map(({ seq }) => seq)).toEqual([1, 2]);
});
