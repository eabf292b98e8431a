import type { Logger } from 'pino';
import type { Service } from '../lifecycle.ts';
import {
  databaseFile,
  lockFolder,
  migrate,
  openConnection,
  openError,
  prepareFolder,
} from './database.ts';
import { Journal, type RetainedValue } from './journal.ts';
import { type Recovered, recover } from './recovery.ts';
import { type StoredEntry, startWriter, type WriteError, type Writer } from './writer.ts';

export interface StoreParts {
  /** The data folder. */
  readonly folder: string;
  /** What nobody was promised is on disk at most this late. */
  readonly relaxedMs: number;
  readonly log: Logger;
  /** The writer has failed for good: the gateway has to be started anew. */
  onFatal(error: Error): void;
}

/** As published on `$SYS/cellgate/store`. */
export interface StoreStatus {
  readonly commits: number;
  /** Queue entries that reached the disk; what was acknowledged before is not among them. */
  readonly messages: number;
  readonly bytesWritten: number;
  readonly bytesPerMessage: number | null;
  readonly lastCommitMs: number;
  readonly trouble: string | null;
}

/** How long a stop waits for a disk that does not take the last commit. */
const STOP_MS = 5000;

/** The one place on disk for retained values, sessions, their queues and wills. */
export class Store implements Service {
  readonly name = 'store';
  /** What the start found; stands from `start` on. */
  recovered!: Recovered;
  journal!: Journal;
  #writer!: Writer;
  #unlock: (() => void) | undefined;
  #trouble: string | undefined;
  #nextSessionKey: number | undefined;
  #retainedValue: (topic: string) => RetainedValue = () => undefined;
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Opens or creates the database, brings it to this version and reads what is there. */
  async start(): Promise<void> {
    const { folder, relaxedMs, log, onFatal } = this.#parts;
    prepareFolder(folder);
    this.#unlock = lockFolder(folder);
    const file = databaseFile(folder);
    try {
      const db = openConnection(file);
      try {
        migrate(db);
        this.recovered = recover(db);
      } finally {
        db.close();
      }
      this.#writer = startWriter(file);
      this.journal = new Journal({
        writer: this.#writer,
        relaxedMs,
        nextMessageId: this.recovered.nextMessageId,
        retainedValue: (topic) => this.#retainedValue(topic),
        onTrouble: (error) => this.#onTrouble(error),
        onFatal,
      });
    } catch (error) {
      this.#unlock();
      throw openError(error, file);
    }
    const { boot, sessions, retained } = this.recovered;
    log.info({ folder, boot, sessions: sessions.length, retained: retained.length }, 'store open');
  }

  async stop(): Promise<void> {
    this.journal.add(['setMeta', 'stopped', 1]);
    const flushed = await this.journal.stop(STOP_MS);
    await this.#writer.close().catch(() => undefined);
    this.#unlock?.();
    if (!flushed) throw new Error('the disk did not take the last commit');
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /** Where the journal reads a retained value at the moment of its commit. */
  readRetainedFrom(retainedValue: (topic: string) => RetainedValue): void {
    this.#retainedValue = retainedValue;
  }

  /** A number for a new session, never used before. */
  takeSessionKey(): number {
    this.#nextSessionKey ??= this.recovered.nextSessionKey;
    return this.#nextSessionKey++;
  }

  /** Up to `limit` stored entries of a session's queue from `seq` on. */
  load(session: number, seq: number, limit: number): Promise<StoredEntry[]> {
    return this.#writer.load(session, seq, limit);
  }

  /** What the store has done since the start. */
  async status(): Promise<StoreStatus> {
    const { commits, entries, lastMs } = this.journal.counts;
    const bytesWritten = await this.#writer.bytesWritten();
    return {
      commits,
      messages: entries,
      bytesWritten,
      bytesPerMessage: entries > 0 ? Math.round(bytesWritten / entries) : null,
      lastCommitMs: Math.round(lastMs * 10) / 10,
      trouble: this.#trouble ?? null,
    };
  }

  #onTrouble(error: WriteError | undefined): void {
    const { log, folder } = this.#parts;
    this.#trouble = error && describeWriteError(error.code, folder);
    if (error) log.error({ code: error.code, reason: error.message }, this.#trouble ?? '');
    else log.info({ folder }, 'the disk takes commits again');
  }
}

function describeWriteError(code: string, folder: string): string {
  const effect = 'QoS 1 and 2 messages are not acknowledged until it does';
  if (code === 'SQLITE_FULL') return `no space left for ${folder}: free some; ${effect}`;
  if (code.startsWith('SQLITE_READONLY')) {
    return `${folder} has become read-only: remount it writable; ${effect}`;
  }
  return `${folder} does not take writes (${code}); ${effect}`;
}
