import { byteRegisters } from './chip.ts';
import type { PinChip } from './pins.ts';

const INPUT = 0;
const OUTPUT = 2;
const POLARITY = 4;
const CONFIGURATION = 6;

/** PCA9535, section 6.2: register pairs, within which reads and writes go round; an output's pin shows what it drives. */
export function pca9535(levels = 0xffff): PinChip {
  const registers = [0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff];
  const seen: (number | undefined)[] = [undefined, undefined];
  const level = (port: number): number => {
    const inputs = registers[CONFIGURATION + port] ?? 0;
    return (
      (((chip.levels >> (8 * port)) & inputs) | ((registers[OUTPUT + port] ?? 0) & ~inputs)) & 0xff
    );
  };
  const chip: PinChip = {
    levels,
    get interrupting() {
      return [0, 1].some((port) => seen[port] !== undefined && seen[port] !== level(port));
    },
    drives(pin) {
      const bit = 1 << (pin & 7);
      if ((registers[CONFIGURATION + (pin >> 3)] ?? 0) & bit) return undefined;
      return ((registers[OUTPUT + (pin >> 3)] ?? 0) & bit) !== 0;
    },
    ...byteRegisters({
      next: (register) => register ^ 1,
      read(register) {
        const port = register & 1;
        if ((register & 7) - port !== INPUT) return registers[register & 7] ?? 0;
        seen[port] = level(port);
        return level(port) ^ (registers[POLARITY + port] ?? 0);
      },
      write(register, value) {
        if ((register & 7) >= OUTPUT) registers[register & 7] = value;
      },
    }),
  };
  return chip;
}
