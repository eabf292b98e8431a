/** A file system in memory that can be filled up. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const SIZE_MB = 256;
const BLOCK = Buffer.alloc(4096);

/** Writes to this file until its disk is full to the last block. */
export function fillDisk(path) {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, BLOCK);
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

export class SmallDisk {
  /** Mounted at the folder, which is made; undefined where this user may not mount one. */
  static mount(folder) {
    mkdirSync(folder, { recursive: true });
    const options = ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m,mode=700`, 'cellgate-age', folder];
    return spawnSync('mount', options).status === 0 ? new SmallDisk(folder) : undefined;
  }

  constructor(folder) {
    this.folder = folder;
    this.ballast = join(folder, 'ballast');
  }

  fill() {
    fillDisk(this.ballast);
  }

  free() {
    rmSync(this.ballast);
  }

  /** At once, also below a process that has not ended yet. */
  unmount() {
    spawnSync('umount', ['--lazy', this.folder]);
  }
}
