import { describe, expect, test } from 'vitest';
import { decodeExtras, type EntryExtras, encodeExtras } from '../../../src/queue/entry-extras.ts';

const NOTHING: EntryExtras = { expiry: null, identifiers: [], share: 0, repeated: false };
const LARGEST_SHARE = 2 ** 48 - 1;

describe('what an entry has on disk besides its message', () => {
  test.each<Partial<EntryExtras>>([
    {},
    { expiry: 0 },
    { expiry: 4_294_967_295_000 },
    { identifiers: [1, 127, 128, 268_435_455] },
    { share: 1 },
    { share: LARGEST_SHARE, repeated: true },
    { expiry: 4_294_967_295_000, identifiers: [268_435_455], share: LARGEST_SHARE, repeated: true },
  ])('%j is read back', (some) => {
    const extras = { ...NOTHING, ...some };
    expect(decodeExtras(encodeExtras(extras))).toEqual(extras);
  });

  test('without a share it has the bytes that it had before there were shares', () => {
    const bytes = encodeExtras({ ...NOTHING, expiry: 0, identifiers: [200] });
    expect([...bytes]).toEqual([1, 0xc8, 1]);
  });
});
