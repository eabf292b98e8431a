import type { Logger } from 'pino';
import { isOfDisk, requestCheck } from './recovery/repair.ts';
import type { RetainedSnapshot, StoredRetained } from './recovery/retained-snapshot.ts';

export interface StoredRetainedParts {
  readonly snapshot: RetainedSnapshot;
  /** The database. */
  readonly file: string;
  readonly log: Logger;
  /** The gateway must be restarted. */
  onFatal(error: Error): void;
}

/**
 * The retained messages that were stored at the start. If they can't be read, the gateway ends, and its next start
 * recovers what can be read.
 */
export class StoredRetainedMessages {
  /** How many there were. */
  readonly count: number;
  readonly #parts: StoredRetainedParts;

  constructor(parts: StoredRetainedParts) {
    this.#parts = parts;
    this.count = parts.snapshot.count;
  }

  /** The next messages, at most `limit`, perhaps none; undefined when all have been taken. */
  take(limit: number): StoredRetained[] | undefined {
    return this.#read((snapshot) => snapshot.take(limit));
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
