import { type Chip, now, wordRegisters } from './chip.ts';

const TEMPERATURE = 0;
const CONFIGURATION = 1;
const SHUTDOWN = 0x0100;
const EXTENDED = 0x0010;
/** Typical conversion time; before the first one ends, the register says 0 °C. */
const CONVERSION_MS = 26;

export interface Tmp102 extends Chip {
  celsius: number;
  /** As its configuration register is after power-up, unless the maker of the board left it otherwise. */
  configuration: number;
}

/** TMP102, sections 7.5.2 and 7.5.3: 12 bits, left-justified; in extended mode 13 bits, and bit 0 says so. */
export function tmp102(celsius = 20, configuration = 0x60a0): Tmp102 {
  let awakeSince = now();
  let kept = 0;
  const limits = [0, 0, 0x4b00, 0x5000];
  const chip: Tmp102 = {
    celsius,
    configuration,
    ...wordRegisters({
      read(register) {
        if (register === CONFIGURATION) return chip.configuration;
        if (register !== TEMPERATURE) return limits[register & 3] ?? 0;
        const steps = Math.round(chip.celsius * 16);
        const converting = (chip.configuration & SHUTDOWN) === 0;
        if (converting && now() - awakeSince >= CONVERSION_MS)
          kept = chip.configuration & EXTENDED ? (steps << 3) | 1 : steps << 4;
        return kept & 0xffff;
      },
      write(register, value) {
        if (register === CONFIGURATION) {
          if (chip.configuration & SHUTDOWN && !(value & SHUTDOWN)) awakeSince = now();
          // R1 and R0 always read 1, the lowest four bits 0.
          chip.configuration = (value & 0x9ff0) | 0x6000;
        } else if (register !== TEMPERATURE) limits[register & 3] = value;
      },
    }),
  };
  return chip;
}
