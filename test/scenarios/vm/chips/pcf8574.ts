import type { PinChip } from './pins.ts';

/** PCF8574, section 8: no registers. A pin that is written high can be pulled low from outside; INT until it is read. */
export function pcf8574(levels = 0xff): PinChip {
  let latch = 0xff;
  let seen: number | undefined;
  const pins = (): number => latch & chip.levels;
  const chip: PinChip = {
    levels,
    get interrupting() {
      return seen !== undefined && seen !== pins();
    },
    // High only weakly, which it also is for an input.
    drives: (pin) => (latch & (1 << pin)) !== 0,
    write(bytes) {
      for (const byte of bytes) latch = byte;
      if (bytes.length > 0) seen = pins();
      return true;
    },
    read(length) {
      seen = pins();
      return new Uint8Array(length).fill(pins());
    },
  };
  return chip;
}
