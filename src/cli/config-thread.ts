import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from '../config/load.ts';
import { drivers } from '../driver-table.ts';

/** What the thread is asked to load. */
export interface ConfigRequest {
  readonly file: string;
  readonly cwd: string;
}

// The script of a thread: loads one config and ends. Drivers are code, which no thread can give to another.
const { file, cwd } = workerData as ConfigRequest;
const { config, ...rest } = await loadConfig(file, drivers, cwd);
const { drivers: _drivers, ...settings } = config ?? { drivers };
parentPort?.postMessage({ settings: config && settings, ...rest });
