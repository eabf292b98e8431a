import { type Chip, now, wordRegisters } from './chip.ts';

/** Register pointers, table 5-1. */
const CONFIGURATION = 1;
const UPPER = 2;
const LOWER = 3;
const CRITICAL = 4;
const AMBIENT = 5;
const MANUFACTURER = 6;
const DEVICE = 7;
const RESOLUTION = 8;
const SHUTDOWN = 0x0100;
/** At the power-on resolution, table "Temperature conversion time". */
const CONVERSION_MS = 250;

export interface Mcp9808 extends Chip {
  celsius: number;
  manufacturer: number;
}

/** MCP9808: the ambient register carries three flags above sign and value; the limits are 0 °C after power-up. */
export function mcp9808(celsius = 20): Mcp9808 {
  const registers = new Map([
    [CONFIGURATION, 0],
    [RESOLUTION, 3],
    [DEVICE, 0x0400],
  ]);
  const born = now();
  let kept = 0;
  const limit = (register: number): number => (((registers.get(register) ?? 0) << 19) >> 19) / 16;
  const ambient = (): number => {
    const { celsius } = chip;
    const flags =
      (celsius >= limit(CRITICAL) ? 0x8000 : 0) |
      (celsius > limit(UPPER) ? 0x4000 : 0) |
      (celsius < limit(LOWER) ? 0x2000 : 0);
    const step = 8 >> (registers.get(RESOLUTION) ?? 3);
    return flags | ((Math.round((celsius * 16) / step) * step) & 0x1fff);
  };
  const chip: Mcp9808 = {
    celsius,
    manufacturer: 0x0054,
    ...wordRegisters({
      narrow: [RESOLUTION],
      read(register) {
        if (register === MANUFACTURER) return chip.manufacturer;
        if (register !== AMBIENT) return registers.get(register) ?? 0;
        const asleep = ((registers.get(CONFIGURATION) ?? 0) & SHUTDOWN) !== 0;
        if (!asleep && now() - born >= CONVERSION_MS) kept = ambient();
        return kept;
      },
      write(register, value) {
        if ([CONFIGURATION, UPPER, LOWER, CRITICAL, RESOLUTION].includes(register))
          registers.set(register, value & (register === RESOLUTION ? 0x03 : 0x1fff));
      },
    }),
  };
  return chip;
}
