import type { Chip } from './chip.ts';

export interface Tca9548a extends Chip {
  /** The chips on each of its eight channels, by address. */
  readonly channels: readonly Map<number, Chip>[];
}

/** TCA9548A, section 8.6: one register, a bit for each channel; the last byte written counts; none after power-up. */
export function tca9548a(): Tca9548a {
  let control = 0;
  const channels = Array.from({ length: 8 }, () => new Map<number, Chip>());
  return {
    channels,
    write(bytes) {
      for (const byte of bytes) control = byte;
      return true;
    },
    read: (length) => new Uint8Array(length).fill(control),
    behind: () =>
      new Map(channels.flatMap((chips, channel) => ((control >> channel) & 1 ? [...chips] : []))),
  };
}
