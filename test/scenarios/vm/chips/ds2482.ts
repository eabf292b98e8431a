import type { Chip } from './chip.ts';

/** What hangs on a 1-Wire bus. */
export interface OneWireSlave {
  /** Answers a reset pulse with its presence, unless it is absent. */
  reset(): void;
  readonly absent?: boolean;
  /** One time slot: what the master sends, 1 also where it listens; gives 0 where the slave pulls the line low. */
  slot(bit: number): number;
}

/** Commands. */
const DEVICE_RESET = 0xf0;
const SET_READ_POINTER = 0xe1;
const WRITE_CONFIGURATION = 0xd2;
const WIRE_RESET = 0xb4;
const SINGLE_BIT = 0x87;
const WRITE_BYTE = 0xa5;
const READ_BYTE = 0x96;
const TRIPLET = 0x78;
/** Registers, as the read pointer names them. */
const STATUS = 0xf0;
const DATA = 0xe1;
const CONFIGURATION = 0xc3;
/** Bits of the status register. */
const PRESENCE = 0x02;
const LINE_HIGH = 0x08;
const WAS_RESET = 0x10;
const BIT = 0x20;
const SECOND_BIT = 0x40;
const DIRECTION = 0x80;

/** DS2482-100, "Function Commands": an I2C to 1-Wire bridge that is never busy when somebody looks. */
export function ds2482(...slaves: readonly OneWireSlave[]): Chip {
  let pointer = STATUS;
  let status = LINE_HIGH | WAS_RESET;
  let configuration = 0;
  let data = 0;
  const slot = (bit: number): number => slaves.reduce((line, one) => line & one.slot(bit), bit);

  const wireCommands = new Map<number, (parameter: number) => void>([
    [
      WIRE_RESET,
      () => {
        for (const slave of slaves) slave.reset();
        status = LINE_HIGH | (slaves.some(({ absent }) => !absent) ? PRESENCE : 0);
      },
    ],
    [
      SINGLE_BIT,
      (parameter) => {
        status = (status & ~BIT) | (slot(parameter >> 7) ? BIT : 0);
      },
    ],
    [
      WRITE_BYTE,
      (parameter) => {
        for (let bit = 0; bit < 8; bit += 1) slot((parameter >> bit) & 1);
      },
    ],
    [
      READ_BYTE,
      () => {
        data = 0;
        for (let bit = 0; bit < 8; bit += 1) data |= slot(1) << bit;
      },
    ],
    [
      // Two bits read, the way to go on written.
      TRIPLET,
      (parameter) => {
        const [id, complement] = [slot(1), slot(1)];
        const direction = id === complement ? id | (parameter >> 7) : id;
        slot(direction);
        status =
          (status & ~(BIT | SECOND_BIT | DIRECTION)) |
          (id ? BIT : 0) |
          (complement ? SECOND_BIT : 0) |
          (direction ? DIRECTION : 0);
      },
    ],
  ]);

  return {
    write([command, parameter = 0]) {
      if (command === undefined) return true;
      if (command === DEVICE_RESET) {
        [pointer, status, configuration] = [STATUS, LINE_HIGH | WAS_RESET, 0];
        return true;
      }
      if (command === SET_READ_POINTER) {
        if (![STATUS, DATA, CONFIGURATION].includes(parameter)) return false;
        pointer = parameter;
        return true;
      }
      if (command === WRITE_CONFIGURATION) {
        // The upper half is the complement of the lower one.
        if ((parameter >> 4) + (parameter & 0x0f) === 0x0f) configuration = parameter & 0x0f;
        [pointer, status] = [CONFIGURATION, status & ~WAS_RESET];
        return true;
      }
      const act = wireCommands.get(command);
      if (act === undefined) return false;
      act(parameter);
      pointer = STATUS;
      return true;
    },
    read: (length) =>
      new Uint8Array(length).fill(
        pointer === STATUS ? status : pointer === DATA ? data : configuration,
      ),
  };
}
