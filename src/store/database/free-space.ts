import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import type { Connection } from './sqlite.ts';

/** The least free space that is given back, and the most that the file may hold besides; in bytes. */
export interface SpaceLimits {
  readonly free: number;
  readonly held: number;
}

const MiB = 1024 * 1024;

/** Free space is given back from this size on, and from this part of what the file holds. */
const LEAST_FREE = 8 * MiB;
const LEAST_PART = 0.2;
/** VACUUM copies what the file holds to memory, and from there to the log in one commit; then the log to the file. */
const MOST_HELD = 64 * MiB;
const WRITES = 2;
/** Acknowledgements wait for that commit: the most milliseconds, by the speed of the disk. */
const MOST_MS = 2000;
const SPEED_BYTES = MiB;
/** Each copy wears the disk. */
const EVERY_MS = 86_400_000;
const AGAIN_MS = 3_600_000;

/** Bytes a millisecond that the disk of this file writes. Throws the system's error. */
function writeSpeed(file: string): number {
  const path = `${file}.speed`;
  const handle = openSync(path, 'w', 0o600);
  try {
    const bytes = randomBytes(SPEED_BYTES);
    const began = performance.now();
    for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
    fsyncSync(handle);
    return SPEED_BYTES / (performance.now() - began);
  } finally {
    closeSync(handle);
    rmSync(path);
  }
}

/** Gives free space of a database back, as far as its disk copies in two seconds what the file holds; once a day. */
export class FreeSpace {
  readonly #now: () => number;
  readonly #measure: (file: string) => number;
  #bytesPerMs: number | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;

  /** `now` in milliseconds of the monotonic clock; `measure` gives the bytes a millisecond that the disk of a file writes. */
  constructor(now: () => number = () => performance.now(), measure = writeSpeed) {
    this.#now = now;
    this.#measure = measure;
  }

  /** Returns how many bytes. Throws SQLite's error, or that of the system; an hour later it tries again. */
  giveBack(db: Connection): number {
    if (this.#now() < this.#notBefore) return 0;
    const { free, held } = spaceOf(db);
    const least = Math.max(LEAST_FREE, held * LEAST_PART);
    if (free < least) return 0;
    this.#notBefore = this.#now() + AGAIN_MS;
    this.#bytesPerMs ??= this.#measure(db.name);
    const most = Math.min(MOST_HELD, (this.#bytesPerMs * MOST_MS) / WRITES);
    const bytes = giveBack(db, { free: least, held: most });
    if (bytes > 0) this.#notBefore = this.#now() + EVERY_MS;
    return bytes;
  }
}

/** The bytes of the file that are free, and all others. */
function spaceOf(db: Connection): { free: number; held: number } {
  const pragma = (name: string): number => db.pragma(name, { simple: true }) as number;
  const pageSize = pragma('page_size');
  const free = pragma('freelist_count') * pageSize;
  return { free, held: pragma('page_count') * pageSize - free };
}

/**
 * Gives the free pages of the file back to the file system, where they are many and the file holds little. Returns how
 * many bytes. A power cut leaves the file as it was before or as it is after.
 */
export function giveBack(db: Connection, limits: SpaceLimits): number {
  const before = spaceOf(db);
  if (before.free < limits.free || before.held > limits.held) return 0;
  db.exec('VACUUM');
  // Not TRUNCATE, which would wait for readers: then a later checkpoint shortens the file.
  db.pragma('wal_checkpoint(PASSIVE)');
  const after = spaceOf(db);
  return before.free + before.held - after.free - after.held;
}
