/** A change of a line. `time` is the kernel's timestamp in nanoseconds of CLOCK_MONOTONIC, or ours if it has none. */
export interface Edge {
  readonly rising: boolean;
  readonly time: bigint;
  /** Changes that the kernel dropped since the edge before; 0 if it does not count them. */
  readonly lost: number;
}

export interface GpioInputOptions {
  readonly activeLow?: boolean;
  readonly bias?: 'pull-up' | 'pull-down' | 'disabled';
  readonly debounceMs?: number;
  /** Only these edges, after `activeLow`; both by default. */
  readonly edge?: 'rising' | 'falling';
  /** Every edge counts, as for a counter: refused if the kernel or the chip could lose edges unnoticed. */
  readonly everyEdge?: boolean;
}

/** One input line, owned while it is open. `true` is active (after `activeLow`). */
export interface GpioInput {
  read(): Promise<boolean>;
  /** Yields changes until aborted; leaves no listener behind. Yields nothing if the chip raises no interrupts. */
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
  /** The value from the moment when the line is requested. */
  readonly initial: boolean;
  readonly drive?: 'push-pull' | 'open-drain' | 'open-source';
}

/** One output line, owned while it is open. `true` is active (after `activeLow`). */
export interface GpioOutput {
  write(value: boolean): Promise<void>;
  /** The value as the chip reports it: the level of the pin on a Pi, the written value on some expanders. */
  read(): Promise<boolean>;
  /** Releases the line; its level from then on depends on the chip. */
  close(): Promise<void>;
}

/** A line that is not yet taken. */
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

/** A line of a chip: `owner` is the program or the kernel driver that has taken it. */
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

/** A GPIO chip as the kernel shows it; `lines` counts them, `base` is its first number in sysfs. */
export interface GpioChip {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
  readonly base?: number;
  /** Lines that have a name or an owner, if the kernel reports them. */
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
