import { byteRegisters } from './chip.ts';
import type { PinChip } from './pins.ts';

/** Registers while IOCON.BANK is 0, table 3-3; port B has the odd ones. */
const IODIR = 0x00;
const IPOL = 0x02;
const GPINTEN = 0x04;
const DEFVAL = 0x06;
const INTCON = 0x08;
const IOCON = 0x0a;
const GPPU = 0x0c;
const INTF = 0x0e;
const INTCAP = 0x10;
const GPIO = 0x12;
const OLAT = 0x14;
const COUNT = 0x16;
const BANK = 0x80;
const SEQOP = 0x20;

export interface Mcp23017 extends PinChip {
  /** Tells it that levels have changed, as it has a memory of the change. */
  set(levels: number): void;
  /** Pins with an open contact: without their pull-up they are low. */
  open: number;
  /** Pins whose pull-up is on. */
  readonly pullUps: number;
  /** What its RESET pin or a gap of its supply does. */
  reset(): void;
}

/** MCP23017, section 3: interrupts on change or on a difference from DEFVAL, kept until GPIO or INTCAP is read. */
export function mcp23017(levels = 0): Mcp23017 {
  const registers = Array<number>(COUNT).fill(0);
  const reset = (): void => {
    registers.fill(0).fill(0xff, IODIR, IPOL);
  };
  /** The register of an address: with BANK, those of port A come first, then from 0x10 on those of port B. */
  const unbanked = (address: number): number | undefined => {
    if ((get(IOCON) & BANK) === 0) return address < COUNT ? address : undefined;
    const register = 2 * (address & 0x0f) + (address >> 4);
    return address < 0x20 && register < COUNT ? register : undefined;
  };
  const get = (register: number): number => registers[register] ?? 0;
  const pair = (register: number): number => get(register) | (get(register + 1) << 8);
  const outside = (from: number): number => (from & ~chip.open) | (pair(GPPU) & chip.open);
  const level = (port: number, from = chip.levels): number =>
    ((outside(from) >> (8 * port)) & get(IODIR + port)) |
    (get(OLAT + port) & ~get(IODIR + port) & 0xff);
  const value = (port: number): number => level(port) ^ (get(IPOL + port) & get(IODIR + port));
  const chip: Mcp23017 = {
    levels,
    open: 0,
    get pullUps() {
      return pair(GPPU);
    },
    reset,
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
      next(register) {
        if ((get(IOCON) & SEQOP) === 0) return (register + 1) % COUNT;
        return (get(IOCON) & BANK) === 0 ? register ^ 1 : register;
      },
      read(address) {
        const register = unbanked(address);
        if (register === undefined) return 0;
        const port = register & 1;
        const first = register - port;
        if (first === GPIO || first === INTCAP) registers[INTF + port] = 0;
        return first === GPIO ? value(port) : get(register);
      },
      write(address, byte) {
        const register = unbanked(address);
        if (register === undefined) return;
        const port = register & 1;
        const first = register - port;
        if (first === INTF || first === INTCAP) return;
        // IOCON is one register at two addresses, GPIO is written through to the latch.
        if (first === IOCON) registers[IOCON] = registers[IOCON + 1] = byte & 0xfe;
        else registers[first === GPIO ? OLAT + port : register] = byte;
      },
    }),
  };
  reset();
  return chip;
}
