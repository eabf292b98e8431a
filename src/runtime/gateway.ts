import type { Loaded, ReloadReport } from './reload.ts';

/** A running gateway; `stop` resolves when it has released everything. */
export interface Gateway {
  /** Addresses that clients can connect to. */
  readonly urls: readonly string[];
  /** Applies the present config file, completely or not at all. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
}

/** Reads and checks the present config file. */
export type Load = () => Promise<Loaded>;
