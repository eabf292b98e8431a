import type {
  GpioChip,
  GpioInputOptions,
  GpioInputs,
  GpioOutput,
  GpioOutputOptions,
} from './gpio-line.ts';

/** A line as the config names it: by its own name, by the board's GPIO number, or by chip and offset. */
export type LineSpec =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'number'; readonly name: string; readonly number: number }
  | { readonly kind: 'offset'; readonly chip: string; readonly offset: number };

/** One way to the kernel's GPIO. */
export interface GpioBackend {
  readonly name: 'chardev' | 'sysfs' | 'simulated';
  /** Whether this machine offers it. */
  available(): Promise<boolean>;
  /** Requests the lines as inputs, all or none; rejects with a BusError. */
  inputs(lines: readonly LineSpec[], options: GpioInputOptions): Promise<GpioInputs>;
  output(line: LineSpec, options: GpioOutputOptions): Promise<GpioOutput>;
  chips(): Promise<GpioChip[]>;
}

/** `GPIO17`, `gpiochip0:17` or a line name such as `DI0`. */
export function parseLine(line: string): LineSpec {
  const offset = /^(gpiochip\d+):(\d+)$/.exec(line);
  if (offset !== null) return { kind: 'offset', chip: offset[1] ?? '', offset: Number(offset[2]) };
  const number = /^GPIO(\d+)$/.exec(line);
  if (number !== null) return { kind: 'number', name: line, number: Number(number[1]) };
  return { kind: 'name', name: line };
}
