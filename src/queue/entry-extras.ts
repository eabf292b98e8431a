/** What an entry of MQTT 5 has on disk besides its message, in the bytes after its length. */
export interface EntryExtras {
  /** Milliseconds from `at` of the entry to its expiry, negative for one that had expired; null for none. */
  readonly expiry: number | null;
  readonly identifiers: readonly number[];
}

export const NO_IDENTIFIERS: readonly number[] = [];
const NOTHING: EntryExtras = { expiry: null, identifiers: NO_IDENTIFIERS };

/** The most bytes of an expiry, and of an identifier. */
const EXPIRY_BYTES = 8;
const IDENTIFIER_BYTES = 4;

/** A varint for the expiry, where 0 is none, then one for each identifier. */
export function encodeExtras(expiry: number | null, identifiers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(EXPIRY_BYTES + IDENTIFIER_BYTES * identifiers.length);
  let at = putNumber(bytes, 0, expiry === null ? 0 : 1 + Math.max(0, expiry));
  for (const identifier of identifiers) at = putNumber(bytes, at, identifier);
  return bytes.subarray(0, at);
}

export function decodeExtras(bytes: Uint8Array | undefined): EntryExtras {
  if (!bytes) return NOTHING;
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let value = 0;
    for (let unit = 1; at < bytes.length; unit *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) break;
    }
    numbers.push(value);
  }
  const [expiry = 0, ...identifiers] = numbers;
  return { expiry: expiry === 0 ? null : expiry - 1, identifiers };
}

function putNumber(out: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80;
  out[at++] = rest;
  return at;
}
