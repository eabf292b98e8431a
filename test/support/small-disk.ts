import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fillDisk } from '../../scripts/age/small-disk.mjs';
import { compiler, compileSlowSync } from './slow-sync.ts';

/** A file system of its own that can be filled up and turned read-only. */
export interface SmallDisk {
  readonly folder: string;
  /** Fills the disk to the last byte. */
  fill(): void;
  /** Deletes what `fill` has written. */
  free(): void;
  /** Refused while a file on it is open for writing. */
  readOnly(): void;
  writable(): void;
  /** The same for a process started with `env`, whatever it has open. */
  pretendReadOnly(): void;
  pretendWritable(): void;
  readonly env: NodeJS.ProcessEnv;
  /** The processes on it must have ended. */
  dispose(): void;
}

/** Whether this user may mount file systems: root, except in a container without that right. */
export const mayMount: boolean = (() => {
  if (process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', 'cellgate-test', folder]);
  if (status === 0) spawnSync('umount', [folder]);
  rmdirSync(folder);
  return status === 0;
})();

/** Mounts a tmpfs of this size. */
export function mountSmallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'cellgate-test', folder]);
  const control = mkdtempSync(join(tmpdir(), 'cellgate-control-'));
  const controlFile = join(control, 'order');
  const ballast = join(folder, 'ballast');
  const remount = (how: string): void => {
    execFileSync('mount', ['-o', `remount,${how}`, folder]);
  };
  return {
    folder,
    fill: () => fillDisk(ballast),
    free: () => rmSync(ballast),
    readOnly: () => remount('ro'),
    writable: () => remount('rw'),
    pretendReadOnly: () => writeFileSync(controlFile, 'readonly'),
    pretendWritable: () => rmSync(controlFile),
    env: compiler.path ? compileSlowSync().env({ controlFile, folder }) : {},
    dispose() {
      execFileSync('umount', [folder]);
      rmdirSync(folder);
      rmSync(control, { recursive: true });
    },
  };
}
