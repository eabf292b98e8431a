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
