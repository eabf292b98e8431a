import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { threadScript } from '../base/thread-script.ts';
import { type LoadRequest, loadWithChanges } from '../config/load-changes.ts';
import { withOutsideDrivers } from '../config/outside-drivers.ts';
import type { Config } from '../config/schema/schema.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import type { Loaded } from '../runtime/reload.ts';
import type { ConfigRequest } from './config-thread.ts';

interface Answer extends Omit<Loaded, 'config'> {
  readonly settings: Omit<Config, 'drivers'> | undefined;
}

/**
 * The same as `loadWithChanges` with the drivers of the installation, in another thread: reading and checking a thousand
 * sensors takes a second, in which no client would be served. Rejects when the thread ends without a result.
 */
export async function loadInThread(
  file: string,
  drivers: Drivers,
  cwd: string,
  request: LoadRequest = {},
): Promise<Loaded> {
  const workerData: ConfigRequest = { file, cwd, request };
  const worker = new Worker(threadScript('config-thread'), { workerData });
  let answer: Answer | undefined;
  worker.on('message', (message: Answer) => {
    answer = message;
  });
  await once(worker, 'exit');
  if (!answer) throw new Error('the config could not be read: its thread has ended');
  const { settings, ...rest } = answer;
  if (!settings) {
    // A driver outside of the installation may be one that only the main thread can load.
    const isOfDriver = rest.problems.some(({ path: at }) => at.endsWith('.driver'));
    return isOfDriver ? loadWithChanges(file, drivers, cwd, request) : rest;
  }
  const folder = path.dirname(path.resolve(cwd, file));
  const outside = await withOutsideDrivers(drivers, settings.sensors, folder);
  return { ...rest, config: { ...settings, drivers: outside.drivers } };
}
