import { now } from './chip.ts';
import type { OneWireSlave } from './ds2482.ts';

export interface Ds18b20 extends OneWireSlave {
  celsius: number;
  /** Whether its checksums are wrong, as on a line with noise. */
  noisy: boolean;
  /** Whether it sends nothing but zeros, as one whose data line is held low; the checksum of nine of them is right. */
  heldLow: boolean;
  /** Whether it is not on the bus. */
  absent: boolean;
  /** Its name under /sys/bus/w1/devices. */
  readonly id: string;
}

const FAMILY = 0x28;
/** ROM commands, "ROM Commands". */
const SEARCH_ROM = 0xf0;
const READ_ROM = 0x33;
const MATCH_ROM = 0x55;
const SKIP_ROM = 0xcc;
/** "Function Commands". */
const CONVERT = 0x44;
const READ_SCRATCHPAD = 0xbe;
const WRITE_SCRATCHPAD = 0x4e;
const READ_POWER = 0xb4;

/** DS18B20 with a supply of its own: 85 °C until it has measured, which takes 750 ms with 12 bits. Those of a bus have different numbers. */
export function ds18b20(celsius = 20, number = 0xbf): Ds18b20 {
  const serial = [number, 0x5a, 0x79, 0xa2, 0x16, 0x03];
  const rom = bitsOf(withCrc([FAMILY, ...serial]));
  let raw = 85 * 16;
  let settings = [0x4b, 0x46, 0x7f];
  let measuredAt = 0;

  /** What is done with the bits of each slot; undefined: it does not listen until the next reset. */
  let step: ((bit: number) => number) | undefined;

  const send = (bits: readonly number[]): void => {
    let at = 0;
    step = () => bits[at++] ?? 1;
  };
  /** Takes bits, the lowest first, and hands them on as bytes when there are enough. */
  const take = (count: number, done: (bytes: readonly number[]) => void): void => {
    const bits: number[] = [];
    step = (bit) => {
      bits.push(bit);
      if (bits.length === 8 * count) {
        step = undefined;
        done(bytesOf(bits));
      }
      return 1;
    };
  };
  const takeFunction = (): void =>
    take(1, ([command]) => {
      if (command === CONVERT) {
        measuredAt = now() + 750;
        step = () => (now() < measuredAt ? 0 : 1);
      } else if (command === READ_SCRATCHPAD) {
        if (measuredAt > 0 && now() >= measuredAt) raw = Math.round(chip.celsius * 16);
        const bytes = withCrc([raw & 0xff, (raw >> 8) & 0xff, ...settings, 0xff, 0x0c, 0x10]);
        if (chip.noisy) bytes[8] = (bytes[8] ?? 0) ^ 0x04;
        send(bitsOf(chip.heldLow ? bytes.map(() => 0) : bytes));
      } else if (command === WRITE_SCRATCHPAD) {
        take(3, (bytes) => {
          settings = [...bytes];
        });
      } else if (command === READ_POWER) send([1]);
    });
  const search = (): void => {
    let at = 0;
    step = (bit) => {
      const own = rom[at >> 2] ?? 1;
      const phase = at % 4;
      at += phase === 2 ? 2 : 1;
      if (phase === 0) return own;
      if (phase === 1) return 1 - own;
      // Who has another bit there is out.
      if (bit !== own) step = undefined;
      else if (at === 4 * rom.length) takeFunction();
      return 1;
    };
  };

  const chip: Ds18b20 = {
    celsius,
    noisy: false,
    heldLow: false,
    absent: false,
    id: `28-${[...serial]
      .reverse()
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')}`,
    reset() {
      if (chip.absent) {
        step = undefined;
        return;
      }
      take(1, ([command]) => {
        if (command === SEARCH_ROM) search();
        else if (command === READ_ROM) send(rom);
        else if (command === SKIP_ROM) takeFunction();
        else if (command === MATCH_ROM) {
          take(8, (bytes) => {
            if (bitsOf(bytes).join() === rom.join()) takeFunction();
          });
        }
      });
    },
    slot: (bit) => step?.(bit) ?? 1,
  };
  return chip;
}

function bitsOf(bytes: readonly number[]): number[] {
  return bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1));
}

function bytesOf(bits: readonly number[]): number[] {
  return Array.from({ length: bits.length / 8 }, (_, index) =>
    bits.slice(8 * index, 8 * index + 8).reduce((byte, bit, at) => byte | (bit << at), 0),
  );
}

/** With the checksum of 1-Wire: X⁸ + X⁵ + X⁴ + 1, the lowest bit first. */
function withCrc(bytes: readonly number[]): number[] {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >> 1) ^ 0x8c : crc >> 1;
  }
  return [...bytes, crc];
}
