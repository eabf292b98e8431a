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

/**
 * Words of 16 bits as Sensirion's chips send them, each followed by its CRC-8 (polynomial 0x31, begins with 0xff).
 * Throws when one does not fit.
 */
export function sensirionWords(bytes: Uint8Array): number[] {
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    if (crc8(bytes.subarray(at, at + 2), 0x31, 0xff) !== bytes[at + 2]) {
      throw new Error('the checksum is wrong: the answer was disturbed on its way');
    }
    words.push(uint16(bytes, at));
  }
  return words;
}
