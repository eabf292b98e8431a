import { type Chip, now, wordRegisters } from './chip.ts';

const CONFIGURATION = 0;
const SHUNT = 1;
const BUS = 2;
const POWER = 3;
const CURRENT = 4;
const CALIBRATION = 5;
const POWER_ON = 0x399f;
/** Bus voltage register: a conversion is done. */
const READY = 0x0002;
/** Two conversions; until they are over, both read 0. */
const CONVERSION_MS = 1.2;

export interface Ina219 extends Chip {
  shuntVolts: number;
  busVolts: number;
}

/** INA219, section 8.6: shunt in steps of 10 µV up to what PGA allows, bus in steps of 4 mV from bit 3 on. */
export function ina219(busVolts = 24, shuntVolts = 0): Ina219 {
  let configuration = POWER_ON;
  let calibration = 0;
  const readyAt = now() + CONVERSION_MS;
  const measured = (value: number): number => (now() < readyAt ? 0 : value);
  const shunt = (): number => {
    const largest = 4000 << ((configuration >> 11) & 3);
    return Math.max(-largest, Math.min(largest, Math.round(chip.shuntVolts * 100_000)));
  };
  const bus = (): number => {
    const largest = configuration & 0x2000 ? 8000 : 4000;
    return Math.max(0, Math.min(largest, Math.round(chip.busVolts / 0.004)));
  };
  const current = (): number => Math.trunc((shunt() * calibration) / 4096);
  const chip: Ina219 = {
    shuntVolts,
    busVolts,
    ...wordRegisters({
      read(register) {
        if (register === CONFIGURATION) return configuration;
        if (register === SHUNT) return measured(shunt());
        if (register === BUS) return measured((bus() << 3) | READY);
        if (register === POWER) return Math.trunc((current() * bus()) / 5000);
        if (register === CURRENT) return current();
        return register === CALIBRATION ? calibration : 0;
      },
      write(register, value) {
        if (register === CONFIGURATION) configuration = value & 0x8000 ? POWER_ON : value;
        if (register === CALIBRATION) calibration = value & 0xfffe;
      },
    }),
  };
  return chip;
}
