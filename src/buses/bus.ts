/** One I2C chip: the address is already bound, transfers of the same bus never overlap. */
export interface I2cDevice {
  /**
   * Writes `write`, then reads `readLength` bytes (a repeated start in between when both are asked for).
   * Rejects with what the kernel said, e.g. `no answer from 0x48 on i2c-1`.
   */
  transfer(write: Uint8Array, readLength: number): Promise<Uint8Array>;
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
}

/** One input line, owned while it is open. `true` is active (after `activeLow`). */
export interface GpioInput {
  read(): Promise<boolean>;
  /** Yields changes until aborted; leaves no listener behind. */
  edges(signal: AbortSignal): AsyncIterable<Edge>;
  close(): Promise<void>;
}

/** Files the kernel offers under /sys and /proc, seen from a root that tests move. */
export interface KernelFiles {
  /** The file's text without the trailing newline. */
  read(path: string): Promise<string>;
  list(path: string): Promise<string[]>;
  /** Free and total bytes of the file system that holds `path`. */
  space(path: string): Promise<{ free: number; total: number }>;
}
