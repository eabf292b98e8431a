import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import type { Logger } from 'pino';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { StoredEntry } from '../queue/queue-entry.ts';
import { Journal, type RetainedValue } from './commit/journal.ts';
import { startWriter, WriteError, type Writer } from './commit/writer.ts';
import {
  checkPermissions,
  databaseFile,
  lockFolder,
  openError,
  prepareFolder,
  shareOf,
} from './database/database.ts';
import { LAST_SESSION } from './database/segment-table.ts';
import { DurableState } from './durable-state.ts';
import { countStart, type Recovered, recover } from './recovery/load-state.ts';
import {
  isDamage,
  isWriteFailure,
  openSound,
  recoverUnwritable,
  suspectDamage,
} from './recovery/repair.ts';
import { createStoredClock, MARK_OWNER, type StoredClock } from './stored-clock.ts';

export interface StoreParts {
  /** The data folder. */
  readonly folder: string;
  /** What nobody was promised is on disk at most this late. */
  readonly deferredMs: number;
  readonly log: Logger;
  readonly clock?: Clock;
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
  /** Milliseconds within which half, and 99 of 100 commits were done since the start. */
  readonly commitMs: { readonly p50: number | null; readonly p99: number | null };
  /** Bytes that the disk has left; null where it does not tell. */
  readonly freeBytes: number | null;
  readonly trouble: string | null;
}

/** How long a stop waits for a disk that does not take the last commit. */
const STOP_MS = 5000;
const AGES_MS = 1000;

/** The one place on disk for retained values, sessions, their queues and wills. */
export class Store implements Service {
  readonly name = 'store';
  /** What the start found; stands from `start` on. */
  recovered!: Recovered;
  journal!: Journal;
  /** What sensors remember. */
  state!: DurableState;
  /** The time of everything that is stored. */
  storedClock!: StoredClock;
  #keeping: NodeJS.Timeout | undefined;
  #writer!: Writer;
  #unlock: (() => void) | undefined;
  #trouble: string | undefined;
  #nextSessionKey: number | undefined;
  #retainedValue: (topic: string) => RetainedValue = () => undefined;
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /**
   * Opens or creates the database, brings it to this version and reads what is there. A damaged one is set
   * aside and recovered; a disk that takes no writes is read, and acknowledgements wait until it does.
   */
  async start(): Promise<void> {
    const { folder, deferredMs, log } = this.#parts;
    const file = databaseFile(folder);
    prepareFolder(folder);
    checkPermissions(file);
    try {
      const writable = this.#lock() && this.#recover(file);
      if (!writable) this.recovered = recoverUnwritable(file);
      this.#writer = startWriter(file);
      this.journal = new Journal({
        writer: this.#writer,
        deferredMs,
        nextMessageId: this.recovered.nextMessageId,
        retainedValue: (topic) => this.#retainedValue(topic),
        onTrouble: (error) => this.#onTrouble(error),
        onFatal: (error) => this.#onFatal(error),
      });
      this.state = new DurableState(this.journal, this.recovered.states);
      this.storedClock = createStoredClock(
        this.#parts.clock ?? systemClock,
        this.state.of(MARK_OWNER),
      );
      this.#keeping = setInterval(() => this.#keepAges(), AGES_MS).unref();
      if (!writable) this.journal.add(['setMeta', 'boot', this.recovered.boot]);
    } catch (error) {
      this.#unlock?.();
      throw openError(error, file);
    }
    const { boot, sessions, retained } = this.recovered;
    log.info({ folder, boot, sessions: sessions.length, retained: retained.length }, 'store open');
  }

  /** False where the disk takes no lock file. */
  #lock(): boolean {
    try {
      this.#unlock = lockFolder(this.#parts.folder);
      return true;
    } catch (error) {
      if (!isWriteFailure(error)) throw error;
      return false;
    }
  }

  /** False where the disk takes no writes. */
  #recover(file: string): boolean {
    try {
      const db = openSound(file, this.#parts.log);
      try {
        this.recovered = recover(db);
        countStart(db, this.recovered.boot);
      } finally {
        db.close();
      }
      return true;
    } catch (error) {
      if (!isWriteFailure(error)) throw error;
      return false;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#keeping);
    this.#keepAges();
    this.state.stop();
    this.journal.add(['setMeta', 'stopped', 1]);
    const flushed = await this.journal.stop(STOP_MS);
    await this.#writer.close().catch(() => undefined);
    this.#unlock?.();
    if (!flushed) throw new Error('the disk did not take the last commit');
  }

  /** A clock that was set is on disk at once: a power cut must not undo it. */
  #keepAges(): void {
    if (this.storedClock.save()) this.state.save();
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /** Resolves when all that was handed in is on disk, the unpromised too, and in the database itself. */
  async flushAndCheckpoint(): Promise<void> {
    await this.journal.flush();
    await this.#writer.checkpoint();
  }

  /** Where the journal reads a retained value at the moment of its commit. */
  readRetainedFrom(retainedValue: (topic: string) => RetainedValue): void {
    this.#retainedValue = retainedValue;
  }

  /** A number for a new session, never used before by this process or by a session that it found. */
  takeSessionKey(): number {
    const { nextSessionKey, sessions } = this.recovered;
    let key = this.#nextSessionKey ?? nextSessionKey;
    if (key > LAST_SESSION) key = 1;
    while (key < nextSessionKey && sessions.some((session) => session.key === key)) key++;
    this.#nextSessionKey = key + 1;
    return key;
  }

  /** Up to `limit` stored entries of a session's queue from `seq` on. */
  async load(session: number, seq: number, limit: number): Promise<StoredEntry[]> {
    try {
      return await this.#writer.load(session, seq, limit);
    } catch (error) {
      if (error instanceof WriteError && isDamage(error.code)) this.#onFatal(error);
      throw error;
    }
  }

  /** What the store has done since the start. */
  async status(): Promise<StoreStatus> {
    const { commitTimes } = this.journal;
    const { commits, entries, lastMs } = this.journal.counts;
    const bytesWritten = await this.#writer.bytesWritten();
    return {
      commits,
      messages: entries,
      bytesWritten,
      bytesPerMessage: entries > 0 ? Math.round(bytesWritten / entries) : null,
      lastCommitMs: Math.round(lastMs * 10) / 10,
      commitMs: { p50: commitTimes.quantile(0.5), p99: commitTimes.quantile(0.99) },
      freeBytes: freeBytes(this.#parts.folder),
      trouble: this.#trouble ?? null,
    };
  }

  #onTrouble(error: WriteError | undefined): void {
    const { log, folder } = this.#parts;
    const before = this.#trouble;
    this.#trouble = error && describeWriteError(error.code, folder);
    if (error) {
      // One fault may show itself by several codes.
      if (this.#trouble === before) return;
      log.error({ code: error.code, reason: error.message }, this.#trouble ?? '');
      return;
    }
    log.info({ folder }, 'the disk takes commits again');
    // After a start without the lock somebody else may hold the folder.
    if (this.#unlock) return;
    try {
      this.#lock();
    } catch (cause) {
      this.#onFatal(cause as Error);
    }
  }

  /** Nothing is lost by an end: what was acknowledged is on disk, as far as the disk still has it. */
  #onFatal(error: Error): void {
    const { folder, log, onFatal } = this.#parts;
    if (!(error instanceof WriteError && isDamage(error.code))) return onFatal(error);
    const file = databaseFile(folder);
    suspectDamage(file);
    const sentence = `${file} is damaged (${error.message}): the gateway ends, its next start recovers what can be read`;
    log.fatal({ code: error.code }, sentence);
    onFatal(new Error(sentence, { cause: error }));
  }
}

function describeWriteError(code: string, folder: string): string {
  const effect = 'QoS 1 and 2 messages are not acknowledged until it does';
  if (code === 'SQLITE_FULL' && hasItsShare(folder)) {
    return `the database has taken its share, half of the file system of ${folder}: purge a queue (cellgate queue list), or give it a larger one; ${effect}`;
  }
  if (code === 'SQLITE_FULL' || isFull(folder)) {
    return `no space left for ${folder}: free some; ${effect}`;
  }
  if (code.startsWith('SQLITE_READONLY') || isReadOnly(folder)) {
    return `${folder} is read-only: remount it writable; ${effect}`;
  }
  return `${folder} does not take writes (${code}); ${effect}`;
}

/** Whether the database is as large as it may be, but for what is in its log. */
function hasItsShare(folder: string): boolean {
  const file = databaseFile(folder);
  const { size } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0 };
  return !isFull(folder) && size >= shareOf(file) * 0.75;
}

/** Less than SQLite needs to open a database. */
const LEAST_BYTES = 64 * 1024;

function isFull(folder: string): boolean {
  const free = freeBytes(folder);
  return free !== null && free < LEAST_BYTES;
}

function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function isReadOnly(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}
