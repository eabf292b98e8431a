import { type Chip, now, wordRegisters } from './chip.ts';

const TEMPERATURE = 0;
const CONFIGURATION = 1;
const SHUTDOWN = 0x01;
/** R1 and R0 of a TMP75. */
const RESOLUTION = 0x60;
/** The slowest of them. */
const CONVERSION_MS = 300;

export interface Lm75 extends Chip {
  celsius: number;
  configuration: number;
}

/** What the relatives have: the steps of a degree; R1 and R0, which a TMP75 has. */
export interface Lm75Kind {
  readonly steps: 2 | 8;
  readonly hasResolution: boolean;
}

/** LM75 with 9 bits, section 7.5: temperature, configuration of one byte, hysteresis 75 °C, limit 80 °C. */
export function lm75(
  celsius = 20,
  configuration = 0,
  { steps, hasResolution }: Lm75Kind = { steps: 2, hasResolution: false },
): Lm75 {
  let kept = 0;
  const measuredAt = now() + CONVERSION_MS;
  const perDegree = (): number =>
    hasResolution ? 2 << ((chip.configuration & RESOLUTION) >> 5) : steps;
  const limits = [0, 0, 0x4b00, 0x5000];
  const chip: Lm75 = {
    celsius,
    configuration,
    ...wordRegisters({
      narrow: [CONFIGURATION],
      read(register) {
        if (register === CONFIGURATION) return chip.configuration;
        if (register !== TEMPERATURE) return limits[register & 3] ?? 0;
        if (!(chip.configuration & SHUTDOWN))
          kept = (Math.round(chip.celsius * perDegree()) * (256 / perDegree())) & 0xffff;
        return now() < measuredAt ? 0 : kept;
      },
      write(register, value) {
        if (register === CONFIGURATION)
          chip.configuration = hasResolution ? value & 0x7f : value & 0x1f;
        else if (register !== TEMPERATURE)
          limits[register & 3] = value & (hasResolution ? 0xfff0 : 0xff80);
      },
    }),
  };
  return chip;
}
