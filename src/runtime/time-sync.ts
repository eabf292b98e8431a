import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { KernelFiles } from '../buses/kernel-files.ts';

/** Whether systemd reports NTP as synchronised: `yes` or `no`; rejects if timedatectl does not answer. */
export async function askTimedatectl(): Promise<string> {
  const words = ['show', '--property=NTPSynchronized', '--value'];
  return (await promisify(execFile)('timedatectl', words, { timeout: 2000 })).stdout.trim();
}

/** Whether a time server has set the clock; undefined if unknown. */
export async function isSynchronised(
  files: KernelFiles,
  ask: () => Promise<string>,
): Promise<boolean | undefined> {
  const timesync = await files.list('/run/systemd/timesync').catch((): string[] => []);
  if (timesync.includes('synchronized')) return true;
  const answer = await ask().catch(() => '');
  return answer === 'yes' ? true : answer === 'no' ? false : undefined;
}
