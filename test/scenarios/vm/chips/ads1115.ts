import { type Chip, now, wordRegisters } from './chip.ts';

const CONVERSION = 0;
const CONFIG = 1;
const RUN = 0x8000;
const SINGLE_SHOT = 0x0100;
/** Full scale in volts by PGA[2:0], and samples per second by DR[2:0]: table 8-3. */
const FULL_SCALE = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256];
const RATES = [8, 16, 32, 64, 128, 250, 475, 860];
/** Positive and negative input by MUX[2:0]; undefined is ground. */
const INPUTS: readonly (readonly [number, number | undefined])[] = [
  [0, 1],
  [0, 3],
  [1, 3],
  [2, 3],
  [0, undefined],
  [1, undefined],
  [2, undefined],
  [3, undefined],
];

export interface Ads1115 extends Chip {
  /** Volts at AIN0 to AIN3. */
  readonly inputs: [number, number, number, number];
}

/** ADS1115, section 8.1: the result is there when OS reads 1 again; it stops at the ends of its scale. */
export function ads1115(...inputs: [number, number, number, number]): Ads1115 {
  const registers = [0, 0x8583, 0x8000, 0x7fff];
  let doneAt = 0;
  let result = 0;
  const convert = (config: number): number => {
    const [plus, minus] = INPUTS[(config >> 12) & 7] ?? [0, undefined];
    const volts = (chip.inputs[plus] ?? 0) - (minus === undefined ? 0 : (chip.inputs[minus] ?? 0));
    const steps = Math.round((volts / (FULL_SCALE[(config >> 9) & 7] ?? 1)) * 32_768);
    return Math.max(-32_768, Math.min(32_767, steps));
  };
  const settle = (): void => {
    if (doneAt === 0 || now() < doneAt) return;
    registers[CONVERSION] = result;
    doneAt = 0;
  };
  const chip: Ads1115 = {
    inputs,
    ...wordRegisters({
      read(register) {
        settle();
        if ((register & 3) !== CONFIG) return registers[register & 3] ?? 0;
        return ((registers[CONFIG] ?? 0) & ~RUN) | (doneAt === 0 ? RUN : 0);
      },
      write(register, value) {
        settle();
        if ((register & 3) !== CONVERSION) registers[register & 3] = value;
        if ((register & 3) !== CONFIG || !(value & RUN) || !(value & SINGLE_SHOT)) return;
        if (doneAt > 0) return;
        result = convert(value);
        doneAt = now() + 1000 / (RATES[(value >> 5) & 7] ?? 8);
      },
    }),
  };
  return chip;
}
