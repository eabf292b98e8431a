import type { Logger } from 'pino';
import { BootNumber } from './boot-number.ts';
import type { Connection } from './database/sqlite.ts';
import { errorCode, isWriteFailure } from './database/sqlite-errors.ts';
import { type Recovered, recover, setMeta } from './recovery/load-state.ts';
import { isOfDisk, openSound, openUnwritable } from './recovery/repair.ts';
import { RetainedSnapshot } from './recovery/retained-snapshot.ts';

export interface LoadParts {
  readonly file: string;
  readonly log: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** False where the disk accepts no lock file. */
  lock(): boolean;
}

export interface Loaded {
  readonly recovered: Recovered;
  readonly bootNumber: BootNumber;
  readonly retained: RetainedSnapshot;
  /** False where the disk accepts no writes. */
  readonly writable: boolean;
}

/**
 * Opens or creates the database, migrates it and reads the stored state. A damaged database is set aside and recovered.
 * On a disk that accepts no writes it only reads.
 */
export function loadStored(parts: LoadParts): Loaded {
  const { file, log, now } = parts;
  try {
    if (parts.lock()) return loadSound(file, log, now);
  } catch (error) {
    if (!isWriteFailure(errorCode(error))) throw error;
  }
  return load(openUnwritable(file), now, false);
}

function loadSound(file: string, log: Logger, now: number): Loaded {
  try {
    return load(openSound(file, log), now, true);
  } catch (error) {
    if (isOfDisk(error) || isWriteFailure(errorCode(error))) throw error;
    // Nothing that is stored prevents a start: the database is set aside, and each row is tried.
    return load(openSound(file, log, `it can't be loaded: ${String(error)}`), now, true);
  }
}

/** The connection stays open until the retained messages have been read. */
function load(db: Connection, now: number, writable: boolean): Loaded {
  try {
    const recovered = recover(db);
    const bootNumber = new BootNumber(recovered, now);
    if (writable) setMeta(db, { ...bootNumber.meta, stopped: 0 });
    return { recovered, bootNumber, retained: new RetainedSnapshot(db), writable };
  } catch (error) {
    db.close();
    throw error;
  }
}
