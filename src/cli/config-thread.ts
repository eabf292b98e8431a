import { parentPort, workerData } from 'node:worker_threads';
import { type LoadRequest, loadWithChanges } from '../config/load-changes.ts';
import { drivers } from '../driver-table.ts';

/** What the thread is asked to load. */
export interface ConfigRequest {
  readonly file: string;
  readonly cwd: string;
  readonly request: LoadRequest;
}

// The script of a thread: loads one config and ends. Drivers are code, which no thread can give to another.
const { file, cwd, request } = workerData as ConfigRequest;
const { config, ...rest } = await loadWithChanges(file, drivers, cwd, request);
const { drivers: _drivers, ...settings } = config ?? { drivers };
parentPort?.postMessage({ settings: config && settings, ...rest });
