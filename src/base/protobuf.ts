/** How a field's value is written [Protocol Buffers, Encoding, "Message Structure"]. */
export const VARINT = 0;
export const FIXED_64 = 1;
export const LENGTH = 2;
export const FIXED_32 = 5;

/** One field of a message as it was received. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of VARINT and the fixed kinds, unsigned; the length of LENGTH. */
  readonly bits: bigint;
  /** The bytes of LENGTH and the fixed kinds; empty for VARINT. */
  readonly bytes: Buffer;
  /** Where the next field begins. */
  readonly end: number;
}

/** Writes the fields of one message, in the order of the calls. */
export class MessageWriter {
  #bytes = Buffer.allocUnsafe(256);
  #end = 0;

  /** An unsigned number: at most 2^53 as a number, 64 bits as a bigint; a negative bigint as its two's complement. */
  varint(field: number, value: number | bigint): void {
    this.#tag(field, VARINT);
    this.#varint(value);
  }

  boolean(field: number, value: boolean): void {
    this.varint(field, value ? 1 : 0);
  }

  float(field: number, value: number): void {
    this.#tag(field, FIXED_32);
    this.#end = this.#room(4).writeFloatLE(value, this.#end);
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED_64);
    this.#end = this.#room(8).writeDoubleLE(value, this.#end);
  }

  string(field: number, value: string): void {
    this.bytes(field, Buffer.from(value));
  }

  /** Bytes, or a message that was written already. */
  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, LENGTH);
    this.#varint(value.length);
    this.#room(value.length).set(value, this.#end);
    this.#end += value.length;
  }

  /** The message so far; another call may change its bytes. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire);
  }

  #varint(value: number | bigint): void {
    const bytes = this.#room(10);
    if (typeof value === 'number') {
      let rest = value;
      for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
        bytes[this.#end++] = (rest % 0x80) | 0x80;
      }
      bytes[this.#end++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes[this.#end++] = Number(rest & 0x7fn) | 0x80;
    bytes[this.#end++] = Number(rest);
  }

  #room(more: number): Buffer {
    const wanted = this.#end + more;
    if (wanted > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * wanted);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}

/** The fields of a message. Throws where the bytes are none. */
export function* readFields(bytes: Buffer): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    at = tag.end;
    const number = Number(tag.value >> 3n);
    const wire = Number(tag.value & 7n);
    if (number === 0) throw new Error('not Protocol Buffers: a field with the number 0');
    if (wire === VARINT) {
      const { value, end } = readVarint(bytes, at);
      at = end;
      yield { number, wire, bits: value, bytes: bytes.subarray(at, at), end: at };
      continue;
    }
    let length = wire === FIXED_64 ? 8 : 4;
    if (wire === LENGTH) {
      const { value, end } = readVarint(bytes, at);
      at = end;
      length = value > BigInt(bytes.length) ? bytes.length + 1 : Number(value);
    } else if (wire !== FIXED_64 && wire !== FIXED_32) {
      throw new Error(`not Protocol Buffers: a field of wire type ${wire}`);
    }
    if (at + length > bytes.length)
      throw new Error('not Protocol Buffers: a field without its end');
    const content = bytes.subarray(at, at + length);
    at += length;
    yield { number, wire, bits: bitsOf(content, wire), bytes: content, end: at };
  }
}

function bitsOf(content: Buffer, wire: number): bigint {
  if (wire === FIXED_64) return content.readBigUInt64LE();
  return BigInt(wire === FIXED_32 ? content.readUInt32LE() : content.length);
}

function readVarint(bytes: Buffer, start: number): { value: bigint; end: number } {
  let value = 0n;
  for (let at = start; at < start + 10; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (at - start));
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + 1 };
  }
  throw new Error('not Protocol Buffers: a number without its end');
}
