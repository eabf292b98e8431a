import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { ROWS_READ_LATER } from './recovery/fitting-rows.ts';
import type { Unfit } from './recovery/loss.ts';
import { isOfDisk, requestCheck } from './recovery/repair.ts';
import type { RetainedSnapshot, StoredRetained } from './recovery/retained-snapshot.ts';
import { setAsideUnfitRows } from './recovery/unfit-rows.ts';

export interface StoredRetainedParts {
  readonly snapshot: RetainedSnapshot;
  /** The database. */
  readonly file: string;
  readonly log: Logger;
  /** Rows were set aside: the sum with those of earlier starts. */
  onUnfit(unfit: Unfit): void;
  /** The gateway must be restarted. */
  onFatal(error: Error): void;
}

/**
 * The retained messages that were stored at the start. If they can't be read, the gateway ends, and its next start
 * recovers what can be read.
 */
export class StoredRetainedMessages {
  /** How many there were, with rows that do not fit. */
  readonly count: number;
  readonly #parts: StoredRetainedParts;

  constructor(parts: StoredRetainedParts) {
    this.#parts = parts;
    this.count = parts.snapshot.count;
  }

  /** The next messages, at most `limit`, perhaps none; undefined when all have been taken. */
  take(limit: number): StoredRetained[] | undefined {
    return this.#read((snapshot) => {
      const taken = snapshot.take(limit);
      if (taken === undefined) this.#end();
      return taken;
    });
  }

  #end(): void {
    const { snapshot, file, log, onUnfit } = this.#parts;
    try {
      // Without its log the database takes no writes: the next start sets them aside.
      if (snapshot.unfit === 0 || !existsSync(`${file}-wal`)) return;
      const unfit = setAsideUnfitRows(snapshot.release(), file, log, ROWS_READ_LATER);
      if (unfit) onUnfit(unfit);
    } catch (error) {
      const sentence = `${file}: retained messages that do not fit can't be set aside yet`;
      log.error({ err: error }, sentence);
    } finally {
      snapshot.close();
    }
  }

  /** The message that a topic had; only until all have been taken. */
  find(topic: string): StoredRetained | undefined {
    return this.#read((snapshot) => snapshot.find(topic));
  }

  close(): void {
    this.#parts.snapshot.close();
  }

  #read<Value>(read: (snapshot: RetainedSnapshot) => Value): Value | undefined {
    const { snapshot, file, log, onFatal } = this.#parts;
    try {
      return read(snapshot);
    } catch (error) {
      snapshot.close();
      const reason = `its retained messages can't be read: ${(error as Error).message}`;
      requestCheck(file, isOfDisk(error) ? '' : reason);
      const sentence = `${file}: ${reason}; the gateway ends, its next start recovers what can be read`;
      log.fatal({ err: error }, sentence);
      onFatal(new Error(sentence, { cause: error }));
      return undefined;
    }
  }
}
