import type { Connection } from './sqlite.ts';

/** The least free space that is given back, and the most that the file may hold besides; in bytes. */
export interface SpaceLimits {
  readonly free: number;
  readonly held: number;
}

const MiB = 1024 * 1024;

/**
 * VACUUM copies all that the file holds, in one commit: at the 10 MB/s of an SD card 8 MiB hold up acknowledgements for
 * less than two seconds.
 */
const LIMITS: SpaceLimits = { free: 32 * MiB, held: 8 * MiB };

/**
 * Gives the free pages of the file back to the file system, where they are many and the file holds little. Returns how
 * many bytes. A power cut leaves the file as it was before or as it is after.
 */
export function giveBack(db: Connection, limits: SpaceLimits = LIMITS): number {
  const pragma = (name: string): number => db.pragma(name, { simple: true }) as number;
  const pageSize = pragma('page_size');
  const before = pragma('page_count') * pageSize;
  const free = pragma('freelist_count') * pageSize;
  if (free < limits.free || before - free > limits.held) return 0;
  db.exec('VACUUM');
  // Not TRUNCATE, which would wait for readers: then a later checkpoint shortens the file.
  db.pragma('wal_checkpoint(PASSIVE)');
  return before - pragma('page_count') * pageSize;
}
