import type { Loaded, ReloadReport } from './reload.ts';

/** A running gateway; `stop` resolves when it has released everything. */
export interface Gateway {
  /** Addresses that clients can connect to. */
  readonly urls: readonly string[];
  /** Changes to the config file as it is on disk, completely or not at all. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
}

/** Reads and checks the config file as it is on disk. */
export type Load = () => Promise<Loaded>;
