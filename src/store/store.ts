import type { Logger } from 'pino';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import type { StoredEntry } from '../queue/queue-entry.ts';
import type { BootNumber } from './boot-number.ts';
import { IdleSpace, POLL_MS } from './commit/idle-space.ts';
import { Journal } from './commit/journal.ts';
import type { RetainedValue } from './commit/retained-changes.ts';
import { startWriter, WriteError, type Writer } from './commit/writer.ts';
import {
  checkPermissions,
  databaseFile,
  isLocked,
  lockFolder,
  prepareFolder,
} from './database/data-folder.ts';
import { openError } from './database/database.ts';
import { LAST_SESSION } from './database/segment-table.ts';
import { errorCode, isDamage, isWriteFailure } from './database/sqlite-errors.ts';
import { DurableState } from './durable-state.ts';
import { loadStored } from './load-stored.ts';
import { ReadFailures } from './read-failures.ts';
import type { Recovered } from './recovery/load-state.ts';
import { requestCheck } from './recovery/repair.ts';
import { StartLosses } from './start-losses.ts';
import { type StoreStatus, storeStatus } from './store-status.ts';
import { createStoredClock, MARK_OWNER, type StoredClock } from './stored-clock.ts';
import { StoredRetainedMessages } from './stored-retained.ts';
import { diskOf } from './wear.ts';
import { describeReplaced, describeWriteError, freeBytes } from './write-trouble.ts';

export interface StoreParts {
  /** The data folder. */
  readonly folder: string;
  /** The longest wait of deferred changes, in milliseconds. */
  readonly deferredMs: number;
  readonly log: Logger;
  readonly faults: Faults;
  readonly clock?: Clock;
  /** The root of /sys. */
  readonly diskRoot?: string;
  /** Bytes that others write to the same disk. */
  alsoWritten?(): number;
  /** The writer has failed permanently: the gateway must be restarted. */
  onFatal(error: Error): void;
}

/** How long a stop waits for the last commit. */
const STOP_MS = 5000;
/** How long a stop waits for the copy of a database that was deleted or replaced. */
const RESCUE_MS = 20_000;
const SAVE_CLOCK_MS = 1000;
/** How often refused messages that are too old are deleted. */
const EXPIRE_MS = 3_600_000;

/** Stores retained values, sessions with their queues, wills and state in one database. */
export class Store implements Service {
  readonly name = 'store';
  /** The state that was stored at the start; set by `start`, like the next five fields. */
  recovered!: Recovered;
  /** The retained messages that were stored at the start, to be read while the gateway runs. */
  retained!: StoredRetainedMessages;
  bootNumber!: BootNumber;
  journal!: Journal;
  /** Values that sensors keep. */
  state!: DurableState;
  /** The clock of all stored data. */
  storedClock!: StoredClock;
  #clockTimer: NodeJS.Timeout | undefined;
  #expiryTimer: NodeJS.Timeout | undefined;
  #spaceTimer: NodeJS.Timeout | undefined;
  #writer!: Writer;
  #unlock: (() => void) | undefined;
  #trouble: string | undefined;
  #losses: StartLosses | undefined;
  #nextSessionKey: number | undefined;
  #retainedValue: (topic: string) => RetainedValue = () => undefined;
  readonly #parts: StoreParts;
  readonly #readFailures: ReadFailures;
  #stopping = false;
  readonly #startedAt: number;

  constructor(parts: StoreParts) {
    const { log, folder, clock = systemClock } = parts;
    this.#parts = parts;
    this.#readFailures = new ReadFailures(log, folder, () => clock.monotonic());
    this.#startedAt = clock.monotonic();
  }

  /**
   * Opens or creates the database, migrates it and reads the stored state. A damaged database is set aside and
   * recovered. On a disk that accepts no writes it only reads, and acknowledgements wait until writes succeed.
   */
  async start(): Promise<void> {
    const { folder, deferredMs, log, faults } = this.#parts;
    const file = databaseFile(folder);
    prepareFolder(folder);
    checkPermissions(file);
    try {
      const now = (this.#parts.clock ?? systemClock).wall();
      const loaded = loadStored({ file, log, now, lock: () => this.#lock() });
      this.recovered = loaded.recovered;
      this.bootNumber = loaded.bootNumber;
      const onFatal = (error: Error): void => this.#parts.onFatal(error);
      this.retained = new StoredRetainedMessages({
        snapshot: loaded.retained,
        file,
        log,
        onUnfit: (unfit) => this.#losses?.setUnfit(unfit),
        onFatal,
      });
      this.#writer = startWriter(file);
      this.journal = new Journal({
        writer: this.#writer,
        deferredMs,
        faults,
        nextMessageId: this.recovered.nextMessageId,
        retainedValue: (topic) => this.#retainedValue(topic),
        onTrouble: (error) => this.#onTrouble(error),
        onFatal: (error) => this.#onFatal(error),
      });
      this.state = new DurableState(this.journal, this.recovered.states);
      this.#losses = new StartLosses(this.state);
      this.storedClock = createStoredClock(
        this.#parts.clock ?? systemClock,
        this.state.of(MARK_OWNER),
      );
      this.#clockTimer = setInterval(() => this.#saveClock(), SAVE_CLOCK_MS).unref();
      this.#expiryTimer = setInterval(() => this.#expireRefused(), EXPIRE_MS).unref();
      const space = new IdleSpace({ writer: this.#writer, journal: this.journal, log });
      this.#spaceTimer = setInterval(() => void space.poll(), POLL_MS).unref();
      if (!loaded.writable) {
        const meta = { ...this.bootNumber.meta, stopped: 0 };
        for (const [key, value] of Object.entries(meta)) this.journal.add(['setMeta', key, value]);
      }
    } catch (error) {
      this.#unlock?.();
      throw openError(error, file);
    }
    const counts = { sessions: this.recovered.sessions.length, retained: this.retained.count };
    log.info({ folder, boot: this.bootNumber.value, ...counts }, 'store open');
  }

  /** False where the disk accepts no lock file. */
  #lock(): boolean {
    try {
      this.#unlock = lockFolder(this.#parts.folder);
      return true;
    } catch (error) {
      if (!isWriteFailure(errorCode(error))) throw error;
      return false;
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#clockTimer);
    clearInterval(this.#expiryTimer);
    clearInterval(this.#spaceTimer);
    this.retained.close();
    this.#saveClock();
    this.state.stop();
    this.journal.add(['setMeta', 'stopped', 1]);
    const flushed = await this.journal.stop(STOP_MS);
    const kept = await this.#close();
    this.#unlock?.();
    if (kept !== undefined) throw new Error(describeReplaced(this.#parts.folder, kept));
    if (!flushed) throw new Error('the disk did not take the last commit');
  }

  /** A database that has lost its name is saved first, which may take longer. */
  async #close(): Promise<string | undefined> {
    const ms = this.#trouble === undefined ? undefined : RESCUE_MS;
    return this.#writer.close(ms).catch(() => undefined);
  }

  /** A change of the clock is stored immediately: a power cut must not undo it. */
  #saveClock(): void {
    if (this.storedClock.save()) this.state.save();
  }

  #expireRefused(): void {
    this.journal.add(['expireDeadLetters', this.storedClock.now()]);
  }

  /** What does not work now, then what a damaged database has cost. */
  troubles(): readonly string[] {
    const { trouble } = this.#readFailures;
    return [this.#trouble ?? [], trouble ?? [], this.#losses?.sentences ?? []].flat();
  }

  /** Whether the disk takes no commits now. */
  get isFailing(): boolean {
    return this.#trouble !== undefined;
  }

  /** Ends the troubles of what a start has lost or set aside; resolves with their sentences when that is on disk. */
  async acknowledgeLoss(): Promise<string | undefined> {
    const sentences = this.#losses?.sentences ?? [];
    if (sentences.length === 0) return undefined;
    this.#losses?.acknowledge();
    this.state.save();
    await this.journal.flush();
    return sentences.join('\n');
  }

  /** Deletes the refused messages of an uplink, or of the broker; resolves when that is on disk. */
  async purgeRefused(uplink: string): Promise<void> {
    this.journal.add(['dropDeadLetters', uplink]);
    await this.journal.flush();
  }

  /**
   * Resolves when all changes are on disk, deferred changes too; then the write-ahead log is empty, unless retained
   * messages of the last run are still read from it.
   */
  async flushAndCheckpoint(): Promise<void> {
    await this.journal.flush();
    await this.#writer.checkpoint();
  }

  /** Sets the function from which the journal reads a retained value at the moment of its commit. */
  readRetainedFrom(retainedValue: (topic: string) => RetainedValue): void {
    this.#retainedValue = retainedValue;
  }

  /** A number for a new session that no stored session has and this process has not used before. */
  takeSessionKey(): number {
    const { nextSessionKey, sessions } = this.recovered;
    let key = this.#nextSessionKey ?? nextSessionKey;
    if (key > LAST_SESSION) key = 1;
    while (key < nextSessionKey && sessions.some((session) => session.key === key)) key++;
    this.#nextSessionKey = key + 1;
    return key;
  }

  /** Stored entries of a session's queue from `seq` on, as `Writer.load` returns them; a failure is a trouble for a while. */
  async load(session: number, seq: number, limit: number): Promise<StoredEntry[]> {
    try {
      return await this.#writer.load(session, seq, limit);
    } catch (error) {
      if (error instanceof WriteError && isDamage(error.code)) this.#onFatal(error);
      else if (!this.#stopping) this.#readFailures.failed(error);
      throw error;
    }
  }

  /** Counts since the start, and the state of the disk. */
  async status(): Promise<StoreStatus> {
    const { folder, diskRoot, clock = systemClock } = this.#parts;
    return storeStatus({
      journal: this.journal,
      bytesWritten: await this.#writer.bytesWritten(),
      alsoWritten: this.#parts.alsoWritten?.() ?? 0,
      disk: diskOf(folder, diskRoot),
      freeBytes: freeBytes(folder),
      runningMs: clock.monotonic() - this.#startedAt,
      failedReads: this.#readFailures.count,
      lostMessages: this.#losses?.messages ?? 0,
      trouble: this.#trouble,
    });
  }

  #onTrouble(error: WriteError | undefined): void {
    const { log, folder } = this.#parts;
    const before = this.#trouble;
    this.#trouble = error && describeWriteError(error, folder);
    if (error) {
      // One fault may cause several error codes.
      if (this.#trouble === before) return;
      log.error({ code: error.code, reason: error.message }, this.#trouble ?? '');
      return;
    }
    log.info({ folder }, 'the disk takes commits again');
    // After a start without the lock, another process may have locked the folder; a deleted lock locks no process out.
    if (this.#unlock && isLocked(folder)) return;
    this.#unlock?.();
    try {
      this.#lock();
    } catch (cause) {
      this.#onFatal(cause as Error);
    }
  }

  /** Reports a permanent failure; the gateway may end then, because acknowledged messages are on disk. */
  #onFatal(error: Error): void {
    const { folder, log, onFatal } = this.#parts;
    if (!(error instanceof WriteError && isDamage(error.code))) return onFatal(error);
    const file = databaseFile(folder);
    requestCheck(file);
    const sentence = `${file} is damaged (${error.message}): the gateway ends, its next start recovers what can be read`;
    log.fatal({ code: error.code }, sentence);
    onFatal(new Error(sentence, { cause: error }));
  }
}
