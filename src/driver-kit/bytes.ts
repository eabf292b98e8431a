/** The number that `bits` bits hold in two's complement. */
export function signed(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}

/** 16 bits, the high byte first. Throws a RangeError beyond the end. */
export function uint16(bytes: Uint8Array, at = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(at);
}

/** 16 bits, the low byte first. Throws a RangeError beyond the end. */
export function uint16le(bytes: Uint8Array, at = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(at, true);
}

/** An 8-bit checksum, most significant bit first; Sensirion's chips take polynomial 0x31 and begin with 0xff. */
export function crc8(bytes: Uint8Array, polynomial: number, initial: number): number {
  let crc = initial;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = ((crc << 1) ^ ((crc & 0x80) === 0 ? 0 : polynomial)) & 0xff;
    }
  }
  return crc;
}
