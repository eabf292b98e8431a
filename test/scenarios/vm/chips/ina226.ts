import { type Chip, now, wordRegisters } from './chip.ts';

const CONFIGURATION = 0;
const SHUNT = 1;
const BUS = 2;
const CALIBRATION = 5;
const MANUFACTURER = 0xfe;
const DIE = 0xff;
const POWER_ON = 0x4127;
/** Milliseconds of a conversion by VBUSCT or VSHCT; how many are averaged by AVG: tables 7-2 to 7-4. */
const TIMES = [0.14, 0.204, 0.332, 0.588, 1.1, 2.116, 4.156, 8.244];
const AVERAGES = [1, 4, 16, 64, 128, 256, 512, 1024];

export interface Ina226 extends Chip {
  shuntVolts: number;
  busVolts: number;
  manufacturer: number;
}

/** INA226, section 7.6: shunt in steps of 2.5 µV, bus in steps of 1.25 mV; both 0 until the first average is done. */
export function ina226(busVolts = 24, shuntVolts = 0): Ina226 {
  let configuration = POWER_ON;
  let calibration = 0;
  let readyAt = now();
  const measured = (value: number): number => (now() < readyAt ? 0 : value);
  const chip: Ina226 = {
    shuntVolts,
    busVolts,
    manufacturer: 0x5449,
    ...wordRegisters({
      read(register) {
        if (register === CONFIGURATION) return configuration;
        if (register === SHUNT)
          return measured(clamp(Math.round(chip.shuntVolts / 2.5e-6), -32_768, 32_767));
        if (register === BUS)
          return measured(clamp(Math.round(chip.busVolts / 0.00125), 0, 32_767));
        if (register === CALIBRATION) return calibration;
        if (register === MANUFACTURER) return chip.manufacturer;
        return register === DIE ? 0x2260 : 0;
      },
      write(register, value) {
        if (register === CALIBRATION) calibration = value & 0x7fff;
        if (register !== CONFIGURATION) return;
        configuration = value & 0x8000 ? POWER_ON : value | 0x4000;
        const [bus = 0, shunt = 0] = [TIMES[(value >> 6) & 7], TIMES[(value >> 3) & 7]];
        readyAt = now() + (bus + shunt) * (AVERAGES[(value >> 9) & 7] ?? 1);
      },
    }),
  };
  return chip;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
