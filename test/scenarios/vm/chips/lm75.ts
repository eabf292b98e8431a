import { type Chip, wordRegisters } from './chip.ts';

const TEMPERATURE = 0;
const CONFIGURATION = 1;
const SHUTDOWN = 0x01;

export interface Lm75 extends Chip {
  celsius: number;
  configuration: number;
}

/** LM75 with 9 bits, section 7.5: temperature, configuration of one byte, hysteresis 75 °C, limit 80 °C. */
export function lm75(celsius = 20, configuration = 0): Lm75 {
  let kept = 0;
  const limits = [0, 0, 0x4b00, 0x5000];
  const chip: Lm75 = {
    celsius,
    configuration,
    ...wordRegisters({
      narrow: [CONFIGURATION],
      read(register) {
        if (register === CONFIGURATION) return chip.configuration;
        if (register !== TEMPERATURE) return limits[register & 3] ?? 0;
        if (!(chip.configuration & SHUTDOWN)) kept = (Math.round(chip.celsius * 2) << 7) & 0xffff;
        return kept;
      },
      write(register, value) {
        if (register === CONFIGURATION) chip.configuration = value;
        else if (register !== TEMPERATURE) limits[register & 3] = value;
      },
    }),
  };
  return chip;
}
