/** What an entry of MQTT 5 or of a shared subscription has on disk besides its message, in the bytes after its length. */
export interface EntryExtras {
  /** Milliseconds from `at` of the entry to its expiry, negative for one that had expired; null for none. */
  readonly expiry: number | null;
  readonly identifiers: readonly number[];
  /** The number of the shared subscription's group; 0 for none. */
  readonly share: number;
  /** A member of the group may have been sent the message already. */
  readonly repeated: boolean;
}

export const NO_IDENTIFIERS: readonly number[] = [];
const NOTHING: EntryExtras = {
  expiry: null,
  identifiers: NO_IDENTIFIERS,
  share: 0,
  repeated: false,
};

/** The most bytes of an expiry, of an identifier, and of a share with the 0 before it and the 1 after it. */
const EXPIRY_BYTES = 8;
export const IDENTIFIER_BYTES = 4;
const SHARE_BYTES = 10;

/**
 * A varint for the expiry, where 0 is none, then one for each identifier, then for a share 0, which no identifier is, and
 * its number, and 1 where a member may have been sent the message.
 */
export function encodeExtras({ expiry, identifiers, share, repeated }: EntryExtras): Uint8Array {
  const most = EXPIRY_BYTES + IDENTIFIER_BYTES * identifiers.length + SHARE_BYTES;
  const bytes = new Uint8Array(most);
  let at = putNumber(bytes, 0, expiry === null ? 0 : 1 + Math.max(0, expiry));
  for (const identifier of identifiers) at = putNumber(bytes, at, identifier);
  if (share > 0) {
    at = putNumber(bytes, putNumber(bytes, at, 0), share);
    if (repeated) at = putNumber(bytes, at, 1);
  }
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
  const [expiry = 0, ...rest] = numbers;
  const end = rest.indexOf(0);
  const identifiers = end < 0 ? rest : rest.slice(0, end);
  const [share = 0, sent = 0] = end < 0 ? [] : rest.slice(end + 1);
  return { expiry: expiry === 0 ? null : expiry - 1, identifiers, share, repeated: sent === 1 };
}

/** What the identifiers in these bytes count for in the limits of a queue. */
export function bytesOfIdentifiers(extras: Uint8Array | undefined): number {
  return extras ? decodeExtras(extras).identifiers.length * IDENTIFIER_BYTES : 0;
}

function putNumber(out: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80;
  out[at++] = rest;
  return at;
}
