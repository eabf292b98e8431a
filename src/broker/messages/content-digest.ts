/** The numbers of MurmurHash3, which mixes each word well before it adds it, and FNV-1a's prime for single bytes. */
const FIRST = 0xcc9e2d51;
const SECOND = 0x1b873593;
const STEP = 0xe6546b64;
const OTHER_STEP = 0x561ccd1b;
const BYTE_PRIME = 0x01000193;
const LAST = 0xc2b2ae3d;

export const DIGEST_START = 0x811c9dc5 | 0;

/** A view of the memory that the last digest was taken of: most messages come in the same read buffer. */
let view: DataView = new DataView(new ArrayBuffer(0));

/**
 * Continues a digest of 32 bits, with a sign, with the bytes at [start, end). It is stored: its values must stay the
 * same. The words are mixed in two halves side by side, in half the time of a loop over the bytes.
 */
export function continueDigest(before: number, source: Buffer, start: number, end: number): number {
  if (source.buffer !== view.buffer) view = new DataView(source.buffer);
  const last = source.byteOffset + end;
  let at = source.byteOffset + start;
  let digest = before;
  let other = ~before;
  for (const lastPair = last - 7; at < lastPair; at += 8) {
    let word = Math.imul(view.getInt32(at), FIRST);
    digest ^= Math.imul((word << 15) | (word >>> 17), SECOND);
    digest = (Math.imul((digest << 13) | (digest >>> 19), 5) + STEP) | 0;
    word = Math.imul(view.getInt32(at + 4), SECOND);
    other ^= Math.imul((word << 16) | (word >>> 16), FIRST);
    other = (Math.imul((other << 11) | (other >>> 21), 5) + OTHER_STEP) | 0;
  }
  for (; at < last; at++) digest = Math.imul(digest ^ view.getUint8(at), BYTE_PRIME);
  digest = Math.imul(digest ^ ((other << 16) | (other >>> 16)), LAST);
  return digest ^ (digest >>> 15);
}
