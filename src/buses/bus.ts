/** Why a bus gave nothing: nobody there, lines held, taken by the kernel, no such bus or line, no right to use it, other. */
export type BusFault = 'absent' | 'stuck' | 'owned' | 'missing' | 'denied' | 'failed';

/** A bus error as a sentence for people, e.g. `no answer from 0x48 on i2c-1`; `cause` is what the kernel said. */
export class BusError extends Error {
  readonly fault: BusFault;

  constructor(fault: BusFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BusError';
    this.fault = fault;
  }
}

/** One I2C chip: the address is already bound, transfers of the same bus never overlap. */
export interface I2cDevice {
  /**
   * Writes `write`, then reads `readLength` bytes; no other transfer comes in between.
   * After a single byte written, up to 32 are read with a repeated start, else the bus stops before it reads.
   * Rejects with a BusError.
   */
  transfer(write: Uint8Array, readLength: number): Promise<Uint8Array>;
}

/** An I2C address as datasheets and i2cdetect write it: `0x48`. */
export function hex(address: number): string {
  return `0x${address.toString(16).padStart(2, '0')}`;
}

/** Where a chip is, as a key: those who share it take turns. */
export function chipPlace(bus: string, address: number): string {
  return `${hex(address)} on ${bus}`;
}

/** One I2C bus, opened when it is first used. */
export interface I2cBus {
  /** The chip at an address; `place` is what errors call the bus, where that is not its own name. */
  device(address: number, place?: string): I2cDevice;
  close(): Promise<void>;
}

/** A change of a line. `time` is the kernel's timestamp in nanoseconds of CLOCK_MONOTONIC, or ours where it gives none. */
export interface Edge {
  readonly rising: boolean;
  readonly time: bigint;
  /** Changes that the kernel says it dropped since the edge before; 0 where it can't say. */
  readonly lost: number;
}

export interface GpioInputOptions {
  readonly activeLow?: boolean;
  readonly bias?: 'pull-up' | 'pull-down' | 'disabled';
  readonly debounceMs?: number;
  /** Only these edges, after `activeLow`; both unless said otherwise. */
  readonly edge?: 'rising' | 'falling';
  /** Every edge matters, as in counting: refused where the kernel or the chip would lose some unseen. */
  readonly everyEdge?: boolean;
}

/** One input line, owned while it is open. `true` is active (after `activeLow`). */
export interface GpioInput {
  read(): Promise<boolean>;
  /** Yields changes until aborted; leaves no listener behind. Nothing where the chip raises no interrupts. */
  edges(signal: AbortSignal): AsyncIterable<Edge>;
  close(): Promise<void>;
}

/** An edge of one of several lines: `line` is its place in the request, `lost` counts those of all its lines. */
export interface LineEdge extends Edge {
  readonly line: number;
}

/** Several input lines of one chip, taken and read at once; their edges come in the order in which they happened. */
export interface GpioInputs {
  read(): Promise<readonly boolean[]>;
  edges(signal: AbortSignal): AsyncIterable<LineEdge>;
  close(): Promise<void>;
}

export interface GpioOutputOptions {
  readonly activeLow?: boolean;
  /** What the line is from the moment it is taken. */
  readonly initial: boolean;
  readonly drive?: 'push-pull' | 'open-drain' | 'open-source';
}

/** One output line, owned while it is open. `true` is active (after `activeLow`). */
export interface GpioOutput {
  write(value: boolean): Promise<void>;
  /** What the line is, as far as the chip can tell: the pin's level on a Pi, what was written on some expanders. */
  read(): Promise<boolean>;
  /** Gives the line back; what it is from then on is up to the chip. */
  close(): Promise<void>;
}

/** A line that is not yet taken: who takes it says how. */
export interface GpioLine {
  /** Takes the line; rejects with a BusError. */
  input(options: GpioInputOptions): Promise<GpioInput>;
  output(options: GpioOutputOptions): Promise<GpioOutput>;
}

/** Lines that are not yet taken; they must be on one chip. */
export interface GpioLines {
  /** Takes all or none; rejects with a BusError. */
  input(options: GpioInputOptions): Promise<GpioInputs>;
}

/** A line of a chip: `owner` is who has taken it, a program or a kernel driver. */
export interface GpioLineInfo {
  readonly offset: number;
  readonly name?: string;
  readonly owner?: string;
}

/** Labels of the chips whose lines carry the numbers of the Pi's header: Pi 1 to 3, 4, 5. */
export const BOARD_LABELS: readonly string[] = [
  'pinctrl-bcm2835',
  'pinctrl-bcm2711',
  'pinctrl-rp1',
];

/** A GPIO chip as far as the kernel shows it; `lines` counts them, `base` is its first number in sysfs. */
export interface GpioChip {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
  readonly base?: number;
  /** Lines that have a name or an owner, where the kernel tells. */
  readonly named?: readonly GpioLineInfo[];
}

/** All GPIO lines of the machine. */
export interface GpioBus {
  /** A line by `DI0` (its name), `GPIO17` (the board's number) or `gpiochip0:17` (chip and offset). */
  line(name: string): GpioLine;
  /** Several lines of one chip, named as one is. */
  lines(names: readonly string[]): GpioLines;
  /** The chips that are here; empty when there are none. */
  chips(): Promise<GpioChip[]>;
}

/** Files the kernel offers under /sys and /proc, seen from a root that tests move. */
export interface KernelFiles {
  /** The file's text without the trailing newline. */
  read(path: string): Promise<string>;
  list(path: string): Promise<string[]>;
  /** Free and total bytes of the file system that holds `path`. */
  space(path: string): Promise<{ free: number; total: number }>;
}

/** All that sensors can hang on. */
export interface Buses {
  /**
   * The bus of that name, e.g. `i2c-1`, or `i2c-1/0x70/3` behind a multiplexer; the same one each time.
   * Throws a BusError when it is no name of an I2C bus.
   */
  i2c(name: string): I2cBus;
  readonly gpio: GpioBus;
  readonly files: KernelFiles;
  close(): Promise<void>;
}
