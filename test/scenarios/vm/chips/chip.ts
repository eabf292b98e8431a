/**
 * A chip on an I2C bus as its datasheet describes it. Between a start and the next start, or the stop, it is either
 * written to or read from.
 */
export interface Chip {
  /** Takes what is written after its address, perhaps nothing; false is: not acknowledged. */
  write(bytes: Uint8Array): boolean;
  /** Gives the bytes that are read; undefined is: its address is not acknowledged. */
  read(length: number): Uint8Array | undefined;
  /** Chips that are to be reached through this one at the moment, by address. */
  behind?(): ReadonlyMap<number, Chip>;
}

/** Where chips take their time from. */
interface ChipTime {
  now(): number;
  /** Milliseconds of this clock for one of the chip's, where it measures all the time: an emulated machine is slow. */
  readonly slowed: number;
}

let time: ChipTime = { now: () => performance.now(), slowed: 4 };

/** Milliseconds that only go forward, for conversion times. */
export const now = (): number => time.now();

export const slowed = (): number => time.slowed;

/** Gives all chips another clock. */
export function setChipTime(other: ChipTime): void {
  time = other;
}

/** A chip of byte registers: the first byte written is a pointer, which goes on by itself with each byte read. */
export function byteRegisters(parts: {
  read(register: number): number;
  write(register: number, value: number): void;
  /** The register after this one, as it is read. */
  next?(register: number): number;
  /** As it is written: the next one too, unless the chip wants an address before each byte. */
  nextWritten?: 'next' | 'addressed';
}): Chip {
  const { read, write, next = (register) => (register + 1) & 0xff, nextWritten = 'next' } = parts;
  let pointer = 0;
  return {
    write(bytes) {
      const [first, ...values] = bytes;
      if (first === undefined) return true;
      pointer = first;
      for (const [index, value] of values.entries()) {
        if (nextWritten === 'next') {
          write(pointer, value);
          pointer = next(pointer);
        } else if (index % 2 === 0) write(pointer, value);
        else pointer = value;
      }
      return true;
    },
    read: (length) =>
      Uint8Array.from({ length }, () => {
        const value = read(pointer);
        pointer = next(pointer);
        return value;
      }),
  };
}

/** A chip of 16-bit registers, the high byte first: the first byte written is a pointer, which stays. */
export function wordRegisters(parts: {
  read(register: number): number;
  write(register: number, value: number): void;
  /** Registers of one byte. */
  narrow?: readonly number[];
}): Chip {
  const { narrow = [] } = parts;
  let pointer = 0;
  return {
    write(bytes) {
      const [first, high, low] = bytes;
      if (first === undefined) return true;
      pointer = first;
      if (narrow.includes(pointer)) {
        if (high !== undefined) parts.write(pointer, high);
      } else if (high !== undefined && low !== undefined) parts.write(pointer, (high << 8) | low);
      return true;
    },
    read(length) {
      const value = parts.read(pointer) & 0xffff;
      const bytes = narrow.includes(pointer) ? [value & 0xff] : [value >> 8, value & 0xff];
      // Who reads on gets the same register again.
      return Uint8Array.from({ length }, (_, index) => bytes[index % bytes.length] ?? 0);
    },
  };
}

/** Sensirion's checksum of two bytes: polynomial 0x31, from 0xff. */
export function sensirionCrc(bytes: readonly number[]): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : crc << 1;
  }
  return crc;
}
