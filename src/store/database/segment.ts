import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { bytesOfIdentifiers } from '../../queue/entry-extras.ts';
import { RELEASED } from '../../queue/queue-entry.ts';

/**
 * A segment: entries of one queue that were committed together, as one row on disk. Its blob is a sequence of entries.
 * Each is: flags (1 byte); as varints the difference of its number and of its time to the entry before, and the
 * length of its body; then the body. With the flag `SHARED_BODY`, the number of a body that several queues share
 * is in place of the body. With the flag `HAS_EXTRAS`, a varint and so many bytes are before that. The differences of the first entry are to the row's `first` and `at`.
 */
export interface StoredSegment {
  /** Last number minus the first. */
  readonly span: number;
  readonly count: number;
  /** The sizes of the entries: bytes of the bodies, shared ones too, and of the identifiers. */
  readonly bytes: number;
  /** When the first was queued, in milliseconds since the epoch. */
  readonly at: number;
  readonly form: number;
  readonly body: Uint8Array;
}

/** Bits of `form`. */
export const NAMES_SHARED = 1;
export const DEFLATED = 2;
export const HAS_RELEASED = 4;

/** Added to the flags of an entry: its body is in the table `message`. */
export const SHARED_BODY = 32;
/** Added to the flags of an entry that has extras. */
export const HAS_EXTRAS = 128;
const KNOWN_FLAGS = 255;

/** The size at which a segment is complete, in bytes. */
export const SEGMENT_BYTES: number = 16 * 1024;
/** The most bytes of an entry without its extras and its body, and of the length of its extras. */
export const HEAD_BYTES = 30;
export const EXTRAS_HEAD_BYTES = 5;
/** No segment is larger when inflated: a damaged blob must not exhaust the memory. */
const INFLATED_BYTES = 1024 * 1024;
/** Smaller blobs are not worth deflating. */
const SMALL_BYTES = 512;

export interface SegmentEntry {
  readonly seq: number;
  flags: number;
  readonly at: number;
  /** Number of a shared body; 0 for none. */
  readonly shared: number;
  /** Bytes of the body, in the segment or shared. */
  readonly length: number;
  /** As `entryExtras` has made them; undefined for none. */
  readonly extras?: Uint8Array | undefined;
  /** As `Message.body`; empty where it is shared. */
  readonly body: Uint8Array;
}

/** Writes the head of an entry; returns the offset of its body. */
export function putHead(
  out: Uint8Array,
  offset: number,
  flags: number,
  seqMore: number,
  atMore: number,
  length: number,
): number {
  out[offset] = flags;
  const afterSeq = putVarint(out, offset + 1, seqMore);
  const afterAt = putVarint(out, afterSeq, atMore < 0 ? -2 * atMore - 1 : 2 * atMore);
  return putVarint(out, afterAt, length);
}

/** Writes the extras of an entry after its head; returns the offset of its body. */
export function putExtras(out: Uint8Array, offset: number, extras: Uint8Array): number {
  const start = putVarint(out, offset, extras.length);
  out.set(extras, start);
  return start + extras.length;
}

export function putVarint(out: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
  }
  out[at++] = rest;
  return at;
}

/** Reads a segment's blob entry by entry, without creating an object for each. */
export class SegmentReader {
  seq: number;
  at: number;
  flags = 0;
  shared = 0;
  /** The offset of the body in the bytes that are read; meaningless where the body is shared. */
  start = 0;
  length = 0;
  /** The offset and the length of the extras. */
  extrasStart = 0;
  extrasLength = 0;
  /** False after an invalid entry: nothing that follows it can be read. */
  sound = true;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #position: number;

  constructor(bytes: Uint8Array, start: number, end: number, first: number, at: number) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.seq = first;
    this.at = at;
  }

  /** Goes to the next entry; false if there is none. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const bytes = this.#bytes;
    const flags = bytes[this.#position++]!;
    this.flags = flags;
    this.seq += this.#varint();
    const more = this.#varint();
    this.at += more % 2 === 0 ? more / 2 : -(more + 1) / 2;
    this.length = this.#varint();
    this.extrasLength = flags & HAS_EXTRAS ? this.#varint() : 0;
    this.extrasStart = this.#position;
    this.#position += this.extrasLength;
    this.shared = flags & SHARED_BODY ? this.#varint() : 0;
    this.start = this.#position;
    if (this.shared === 0) this.#position += this.length;
    if (this.#position <= this.#end && this.#isValid()) return true;
    this.sound = false;
    this.#position = this.#end;
    return false;
  }

  #isValid(): boolean {
    const { flags, length, start } = this;
    const qos = flags & 3;
    if (qos === 0 || qos === 3 || flags > KNOWN_FLAGS || length < 2) return false;
    if (this.shared > 0 || flags & SHARED_BODY) return this.shared > 0;
    return 2 + ((this.#bytes[start]! << 8) | this.#bytes[start + 1]!) <= length;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#position++]!;
    let value = byte & 0x7f;
    for (let unit = 128; byte >= 0x80; unit *= 128) {
      byte = bytes[this.#position++]!;
      value += (byte & 0x7f) * unit;
    }
    return value;
  }
}

/** The entries of a segment up to the first invalid one; `sound` is false if there is one, or no entry at all. */
export function decodeSegment(
  { at, form, body }: Pick<StoredSegment, 'at' | 'form' | 'body'>,
  first: number,
): { entries: SegmentEntry[]; sound: boolean } {
  const bytes = inflated(form, body);
  const reader = new SegmentReader(bytes, 0, bytes.length, first, at);
  const entries: SegmentEntry[] = [];
  while (reader.next()) {
    const { seq, flags, at: entryAt, shared, start, length, extrasStart, extrasLength } = reader;
    const own = shared === 0 ? bytes.subarray(start, start + length) : EMPTY;
    const extras =
      extrasLength > 0 ? bytes.subarray(extrasStart, extrasStart + extrasLength) : undefined;
    entries.push({ seq, flags, at: entryAt, shared, length, extras, body: own });
  }
  return { entries, sound: reader.sound && entries.length > 0 };
}

/** Whether these are entries, of one segment or of several one after the other, and each shared body is there. */
export function isWhole(bytes: Uint8Array, isThere: (shared: number) => boolean): boolean {
  const reader = new SegmentReader(bytes, 0, bytes.length, 0, 0);
  while (reader.next()) if (reader.shared > 0 && !isThere(reader.shared)) return false;
  return reader.sound;
}

/** A segment of at least one entry, in the order of their numbers; `first` is the row's number. */
export function encodeSegment(entries: readonly SegmentEntry[], first: number): StoredSegment {
  const ofBodies = entries.reduce((sum, { length }) => sum + length, 0);
  const bytes = entries.reduce((sum, { extras }) => sum + bytesOfIdentifiers(extras), ofBodies);
  const ofExtras = entries.reduce((sum, { extras }) => sum + (extras?.length ?? 0), 0);
  const heads = entries.length * (HEAD_BYTES + EXTRAS_HEAD_BYTES);
  const out = new Uint8Array(ofBodies + ofExtras + heads);
  const { at } = entries[0]!;
  let [end, seq, before, form] = [0, first, at, 0];
  for (const entry of entries) {
    const { shared, length } = entry;
    const flags = shared > 0 ? entry.flags | SHARED_BODY : entry.flags & ~SHARED_BODY;
    if (shared > 0) form |= NAMES_SHARED;
    if (flags & RELEASED) form |= HAS_RELEASED;
    end = putHead(out, end, flags, entry.seq - seq, entry.at - before, length);
    if (entry.extras) end = putExtras(out, end, entry.extras);
    if (shared > 0) end = putVarint(out, end, shared);
    else {
      out.set(entry.body, end);
      end += length;
    }
    seq = entry.seq;
    before = entry.at;
  }
  return { span: seq - first, count: entries.length, bytes, at, form, body: out.subarray(0, end) };
}

/** The segment with a deflated blob if that is much smaller, as with readings, which resemble each other. */
export function deflated(segment: StoredSegment): StoredSegment {
  const { form, body } = segment;
  if (form & DEFLATED || body.length < SMALL_BYTES || body.length > INFLATED_BYTES) return segment;
  const small = deflateRawSync(body, { level: 1 });
  if (small.length > body.length * 0.75) return segment;
  return { ...segment, form: form | DEFLATED, body: small };
}

/** The inflated blob: its beginning where its end is missing, empty if it can't be inflated. */
export function inflated(form: number, body: Uint8Array): Uint8Array {
  if (!(form & DEFLATED)) return body;
  try {
    const finishFlush = constants.Z_SYNC_FLUSH;
    return inflateRawSync(body, { maxOutputLength: INFLATED_BYTES, finishFlush });
  } catch {
    return EMPTY;
  }
}

const EMPTY = new Uint8Array(0);
