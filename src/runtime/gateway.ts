import type { LoadRequest } from '../config/load-changes.ts';
import type { Loaded, ReloadReport } from './reload.ts';

/** A running gateway; `stop` resolves when it has released everything. */
export interface Gateway {
  /** Addresses that clients can connect to. */
  readonly urls: readonly string[];
  /** Applies the present config file, completely or not at all. */
  reload(): Promise<ReloadReport>;
  stop(): Promise<void>;
}

/** The config file that the gateway was started with. */
export interface ConfigSource {
  /** Its absolute path. */
  readonly file: string;
  /** Its text at the start. */
  readonly text: string;
  /** Reads and checks the present file, or another text in its place. */
  load(request?: LoadRequest): Promise<Loaded>;
}
