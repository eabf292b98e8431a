import { byteRegisters } from './chip.ts';
import type { PinChip } from './pins.ts';

/** Registers while IOCON.BANK is 0, table 3-3; port B has the odd ones. */
const IODIR = 0x00;
const IPOL = 0x02;
const GPINTEN = 0x04;
const DEFVAL = 0x06;
const INTCON = 0x08;
const IOCON = 0x0a;
const INTF = 0x0e;
const INTCAP = 0x10;
const GPIO = 0x12;
const OLAT = 0x14;
const COUNT = 0x16;

export interface Mcp23017 extends PinChip {
  /** Tells it that levels have changed, as it has a memory of the change. */
  set(levels: number): void;
}

/** MCP23017, section 3: interrupts on change or on a difference from DEFVAL, kept until GPIO or INTCAP is read. */
export function mcp23017(levels = 0): Mcp23017 {
  const registers = Array.from({ length: COUNT }, (_, register): number =>
    register < IPOL ? 0xff : 0,
  );
  const get = (register: number): number => registers[register] ?? 0;
  const level = (port: number, from = chip.levels): number =>
    ((from >> (8 * port)) & get(IODIR + port)) | (get(OLAT + port) & ~get(IODIR + port) & 0xff);
  const value = (port: number): number => level(port) ^ (get(IPOL + port) & get(IODIR + port));
  const chip: Mcp23017 = {
    levels,
    get interrupting() {
      return get(INTF) !== 0 || get(INTF + 1) !== 0;
    },
    set(after) {
      for (const port of [0, 1]) {
        const [old, fresh] = [level(port), level(port, after)];
        const differs = get(INTCON + port) & (fresh ^ get(DEFVAL + port));
        const changed = ~get(INTCON + port) & (fresh ^ old);
        const flags = (differs | changed) & get(GPINTEN + port);
        if (flags === 0 || get(INTF + port) !== 0) continue;
        registers[INTF + port] = flags;
        registers[INTCAP + port] = fresh;
      }
      chip.levels = after;
    },
    drives(pin) {
      const bit = 1 << (pin & 7);
      if (get(IODIR + (pin >> 3)) & bit) return undefined;
      return (get(OLAT + (pin >> 3)) & bit) !== 0;
    },
    ...byteRegisters({
      next: (register) => (register + 1) % COUNT,
      read(register) {
        const port = register & 1;
        const pair = register - port;
        if (pair === GPIO || pair === INTCAP) registers[INTF + port] = 0;
        return pair === GPIO ? value(port) : get(register);
      },
      write(register, byte) {
        const port = register & 1;
        const pair = register - port;
        if (pair === INTF || pair === INTCAP) return;
        // IOCON is one register at two addresses, GPIO is written through to the latch.
        if (pair === IOCON) registers[IOCON] = registers[IOCON + 1] = byte;
        else registers[pair === GPIO ? OLAT + port : register] = byte;
      },
    }),
  };
  return chip;
}
