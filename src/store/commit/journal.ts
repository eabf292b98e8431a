import { performance } from 'node:perf_hooks';
import { Latency } from '../../base/latency.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { type QueueEntry, type QueueOwner, UNWRITTEN, WRITTEN } from '../../queue/queue-entry.ts';
import { type Batch, type Operation, packBatch, RANGE, SEGMENT } from './batch.ts';
import { CommitPacer } from './commit-pacer.ts';
import { WriteError, type Writer } from './writer.ts';

/** Half of the longest that an entry waits for its subscriber's acknowledgement before it is written. */
const GENERATION_MS = 3;
/** The longest that a delete waits; one lost to a crash costs a QoS 1 duplicate and no more. */
const DELETE_MS = 100;
/** Entries that nobody was promised are written early when so many, or so many bytes of them, wait in memory. */
const DEFERRED_ENTRIES = 1000;
const DEFERRED_BYTES = 256 * 1024;
/** Bytes of messages that wait for the disk above which publishers wait too, and below which they go on. */
const WAITING_HIGH = 32 * 1024 * 1024;
const WAITING_LOW = 8 * 1024 * 1024;
/** Pause before a failed commit is tried again, doubled up to the second figure. */
const RETRY_MS = [100, 2000] as const;
/** Entries that went before they were written, from which on they are looked for among those that are due. */
const SWEEP = 1024;

/** A retained value as it stands when its commit is made; undefined when it was deleted. */
export type RetainedValue = { readonly qos: number; readonly payload: Uint8Array } | undefined;

export interface JournalParts {
  readonly writer: Writer;
  /** What is on disk at most this late though nobody was promised it. */
  readonly deferredMs: number;
  readonly nextMessageId: number;
  retainedValue(topic: string): RetainedValue;
  /** Hears of each failed commit once a change of its code, and of the first that works again (undefined). */
  onTrouble(error: WriteError | undefined): void;
  /** The writer itself is gone: nothing can be promised any more. */
  onFatal(error: Error): void;
}

export interface CommitCounts {
  commits: number;
  entries: number;
  /** Milliseconds of the latest commit. */
  lastMs: number;
}

/**
 * Gathers what must reach the disk and commits it in batches, one in flight.
 * An entry whose subscriber may still acknowledge waits one generation (3 to 6 ms) and is never written
 * when the acknowledgement comes first; everything else is written as soon as the disk is free.
 */
export class Journal {
  readonly commitTimes: Latency = new Latency();
  readonly counts: CommitCounts = { commits: 0, entries: 0, lastMs: 0 };
  readonly #parts: JournalParts;
  #operations: Operation[] = [];
  #pendingAcks: PendingAck[] = [];
  /** Entries that some subscriber may acknowledge first. */
  #fresh: QueueEntry[] = [];
  #aged: QueueEntry[] = [];
  /** Entries for the next commit. */
  #due: QueueEntry[] = [];
  /** Entries that have gone unwritten since the due ones were last looked through. */
  #discardedUnwritten = 0;
  #durableTopics = new Set<string>();
  #deferredTopics = new Set<string>();
  /** Entries that nobody was promised. */
  #deferredEntries: QueueEntry[] = [];
  #deferredBytes = 0;
  #deletes: number[] = [];
  readonly #changedOwners = new Set<QueueOwner>();
  readonly #pacer = new CommitPacer(() => performance.now());
  #writing = false;
  #requested = false;
  /** Somebody waits for the commit who would send or be sent more. */
  #urgent = false;
  #scheduled = false;
  #pacerTimer: NodeJS.Timeout | undefined;
  #generation: NodeJS.Timeout | undefined;
  #laterTimer: NodeJS.Timeout | undefined;
  #deferredTimer: NodeJS.Timeout | undefined;
  #failing: string | undefined;
  #attemptAt: number | undefined;
  #waitingBytes = 0;
  #onRelieved: (() => void)[] = [];
  #messageId: number;
  #idle: (() => void)[] = [];
  #stopped = false;

  /** What nobody was promised is on disk at most this many milliseconds late. */
  deferredMs: number;

  constructor(parts: JournalParts) {
    this.#parts = parts;
    this.deferredMs = parts.deferredMs;
    this.#messageId = parts.nextMessageId;
  }

  /** Entries held in memory for commits to come. */
  get waiting(): number {
    return this.#fresh.length + this.#aged.length + this.#due.length;
  }

  /** Queues an operation for the next commit; the pendingAck is paid when it is on disk. */
  add(operation: Operation, pendingAck?: PendingAck): void {
    this.#operations.push(operation);
    if (pendingAck) this.notifyAfterCommit(pendingAck);
    else this.#requestCommit();
  }

  /**
   * The pendingAck is paid with the next commit, which has all that was handed in before;
   * `urgent` where a delivery waits for it.
   */
  notifyAfterCommit(pendingAck: PendingAck, urgent = false): void {
    pendingAck.add();
    this.#pendingAcks.push(pendingAck);
    if (urgent) this.#urgent = true;
    this.#requestCommit();
  }

  /**
   * Writes the entry unless it is gone by then; its message's pendingAck is paid either way.
   * Without `mayWait` it goes with the operations added in the same turn into one commit.
   */
  enqueue(entry: QueueEntry, mayWait: boolean): void {
    entry.message.pendingAck?.add();
    this.#waitingBytes += entry.message.body.length;
    if (mayWait && entry.owner?.online) {
      this.#fresh.push(entry);
      this.#generation ??= setTimeout(this.#nextGeneration, GENERATION_MS);
    } else {
      this.#due.push(entry);
      if (entry.held && entry.owner?.online) this.#urgent = true;
      this.#requestCommit(entry.message.body.length);
    }
  }

  /** Its subscriber has gone: what waited for it is written with what comes after, so that the order stays. */
  flushSoon(owner: QueueOwner): void {
    let moved = false;
    const keep = (entry: QueueEntry): boolean => {
      if (entry.owner !== owner) return true;
      if (!entry.gone) {
        this.#due.push(entry);
        moved = true;
      }
      return false;
    };
    this.#aged = this.#aged.filter(keep);
    this.#fresh = this.#fresh.filter(keep);
    if (moved) this.#requestCommit();
  }

  /** The entry is acknowledged or dropped: what it owed is paid, what is on disk of it is deleted lazily. */
  discard(entry: QueueEntry): void {
    if (entry.gone) return;
    entry.gone = true;
    const { owner } = entry;
    if (entry.written === UNWRITTEN) {
      this.#relieve(entry);
      entry.message.holders--;
      entry.message.pendingAck?.done();
      // A disk that takes nothing must not let the dropped ones pile up.
      if (++this.#discardedUnwritten > Math.max(SWEEP, this.#due.length / 2)) {
        this.#discardedUnwritten = 0;
        this.#due = this.#due.filter((each) => !each.gone);
      }
    } else if (owner && !owner.ended) {
      const { deletes } = owner;
      if (deletes.first > 0 && entry.seq === deletes.last + 1) {
        deletes.last = entry.seq;
      } else {
        this.#endRun(owner);
        deletes.first = entry.seq;
        deletes.last = entry.seq;
        this.#changedOwners.add(owner);
      }
      this.#requestCommitLater();
    }
  }

  /** Entries of this queue that are on disk were sent: after a crash they carry DUP. */
  markSent(owner: QueueOwner): void {
    this.#changedOwners.add(owner);
    this.#requestCommitLater();
  }

  /** Milliseconds that the writer has not answered; 0 while nothing is asked of it. */
  get unansweredMs(): number {
    return this.#attemptAt === undefined ? 0 : performance.now() - this.#attemptAt;
  }

  /** True while so much waits for the disk that publishers should be read no further. */
  get congested(): boolean {
    return this.#waitingBytes > WAITING_HIGH;
  }

  /** Calls back once the disk has caught up. */
  onceRelieved(callback: () => void): void {
    this.#onRelieved.push(callback);
  }

  #relieve(entry: QueueEntry): void {
    this.#waitingBytes -= entry.message.body.length;
    if (this.#onRelieved.length === 0 || this.#waitingBytes > WAITING_LOW) return;
    for (const callback of this.#onRelieved.splice(0)) callback();
  }

  /** The retained value of `topic` has changed: written now when promised, within `relaxedMs` otherwise. */
  retain(topic: string, pendingAck: PendingAck | undefined): void {
    if (pendingAck) {
      this.#durableTopics.add(topic);
      this.notifyAfterCommit(pendingAck);
      return;
    }
    this.#deferredTopics.add(topic);
    this.#requestDeferred();
  }

  /** Writes an entry that nobody was promised: within `relaxedMs`, and not at all when it is gone by then. */
  enqueueDeferred(entry: QueueEntry): void {
    this.#deferredEntries.push(entry);
    this.#waitingBytes += entry.message.body.length;
    this.#deferredBytes += entry.message.body.length;
    if (this.#deferredEntries.length < DEFERRED_ENTRIES && this.#deferredBytes < DEFERRED_BYTES) {
      this.#requestDeferred();
    } else if (this.#dueDeferredEntries()) this.#requestCommit();
  }

  #requestDeferred(): void {
    this.#deferredTimer ??= setTimeout(() => {
      this.#deferredTimer = undefined;
      const due = this.#dueDeferredEntries() || this.#deferredTopics.size > 0;
      for (const each of this.#deferredTopics) this.#durableTopics.add(each);
      this.#deferredTopics = new Set();
      if (due) this.#requestCommit();
    }, this.deferredMs);
  }

  /** Hands over to the next commit what is not gone; false where nothing is left to write. */
  #dueDeferredEntries(): boolean {
    const before = this.#due.length;
    for (const entry of this.#deferredEntries) if (!entry.gone) this.#due.push(entry);
    this.#deferredEntries = [];
    this.#deferredBytes = 0;
    return this.#due.length > before;
  }

  /** Resolves when all that was handed in before is on disk, the unpromised too. */
  async flush(): Promise<void> {
    this.#deferredTopics.forEach((topic) => {
      this.#durableTopics.add(topic);
    });
    this.#deferredTopics = new Set();
    this.#dueDeferredEntries();
    for (const entries of [this.#aged, this.#fresh]) {
      for (const entry of entries) this.#due.push(entry);
    }
    this.#aged = [];
    this.#fresh = [];
    this.#urgent = true;
    this.#requestCommit();
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Flushes, waiting at most `ms` where the disk does not take it, and gives up the timers. */
  async stop(ms: number): Promise<boolean> {
    let late: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      late = setTimeout(() => resolve(false), ms);
    });
    // Twice: what has reached the disk may have something else written or deleted.
    const flushed = this.flush().then(() => this.flush());
    const done = await Promise.race([flushed.then(() => true), timeout]);
    clearTimeout(late);
    this.#stopped = true;
    for (const timer of [
      this.#generation,
      this.#laterTimer,
      this.#deferredTimer,
      this.#pacerTimer,
    ]) {
      clearTimeout(timer);
    }
    return done;
  }

  #endRun(owner: QueueOwner): void {
    const { deletes } = owner;
    if (deletes.first > 0) this.#deletes.push(owner.key, deletes.first, deletes.last);
    deletes.first = 0;
  }

  #nextGeneration = (): void => {
    this.#generation = undefined;
    let due = false;
    for (const entry of this.#aged) {
      if (!entry.gone) {
        this.#due.push(entry);
        due = true;
      }
    }
    this.#aged = this.#fresh;
    this.#fresh = [];
    if (this.#aged.length > 0) this.#generation = setTimeout(this.#nextGeneration, GENERATION_MS);
    if (due) this.#requestCommit();
  };

  #requestCommitLater(): void {
    this.#laterTimer ??= setTimeout(() => {
      this.#laterTimer = undefined;
      this.#requestCommit();
    }, DELETE_MS);
  }

  #requestCommit(bytes = 0): void {
    this.#requested = true;
    this.#pacer.arrived(bytes);
    if (!this.#writing) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    const delay = this.#urgent ? 0 : this.#pacer.delay;
    if (delay > 0) {
      this.#pacerTimer ??= setTimeout(() => {
        this.#pacerTimer = undefined;
        this.#urgent = true;
        this.#schedule();
      }, delay);
      return;
    }
    clearTimeout(this.#pacerTimer);
    this.#pacerTimer = undefined;
    // At the end of the turn: what arrived together is committed together.
    this.#scheduled = true;
    setImmediate(this.#commit);
  }

  #gather(): { batch: Batch; entries: QueueEntry[]; pendingAcks: PendingAck[] } {
    const entries: QueueEntry[] = [];
    for (const entry of this.#due) {
      if (entry.gone) continue;
      if (entry.owner!.ended) this.discard(entry);
      else entries.push(entry);
    }
    this.#due = [];
    this.#discardedUnwritten = 0;
    const operations = this.#operations;
    this.#operations = [];
    for (const topic of this.#durableTopics) {
      this.#deferredTopics.delete(topic);
      const value = this.#parts.retainedValue(topic);
      operations.push(value ? ['retain', topic, value.qos, value.payload] : ['unretain', topic]);
    }
    this.#durableTopics = new Set();
    for (const owner of this.#changedOwners) {
      if (owner.ended) continue;
      this.#endRun(owner);
      if (owner.sent > owner.sentOnDisk) {
        owner.sentOnDisk = owner.sent;
        operations.push(['sessionSent', owner.sent, owner.key]);
      }
    }
    this.#changedOwners.clear();
    const deletes = this.#deletes;
    this.#deletes = [];
    const pendingAcks = this.#pendingAcks;
    this.#pendingAcks = [];
    const batch = packBatch(operations, entries, deletes, () => this.#messageId++);
    return { batch, entries, pendingAcks };
  }

  #commit = async (): Promise<void> => {
    this.#scheduled = false;
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#requested && !this.#stopped) {
        this.#requested = false;
        this.#urgent = false;
        this.#pacer.began();
        clearTimeout(this.#laterTimer);
        this.#laterTimer = undefined;
        const { batch, entries, pendingAcks } = this.#gather();
        const idle = this.#idle;
        this.#idle = [];
        if (batch.operations.length + batch.segments.length + batch.deletes.length > 0) {
          await this.#write(batch);
        }
        this.#confirm(entries, pendingAcks);
        for (const resolve of idle) resolve();
        if (!this.#urgent && this.#pacer.delay > 0) break;
      }
    } catch (error) {
      if (!this.#stopped) this.#parts.onFatal(error as Error);
      return;
    }
    this.#writing = false;
    if (this.#requested) this.#schedule();
  };

  /** Tries until the disk takes the batch: nothing is acknowledged and nothing is forgotten meanwhile. */
  async #write(first: Batch): Promise<void> {
    let batch = first;
    let pause: number = RETRY_MS[0];
    for (;;) {
      try {
        this.#attemptAt = performance.now();
        this.counts.lastMs = await this.#parts.writer.write(batch);
        this.#attemptAt = undefined;
        this.counts.commits++;
        this.commitTimes.observe(this.counts.lastMs);
        if (this.#failing !== undefined) this.#parts.onTrouble(undefined);
        this.#failing = undefined;
        return;
      } catch (error) {
        this.#attemptAt = undefined;
        if (!(error instanceof WriteError) || !error.batch || !error.isTransient) throw error;
        batch = error.batch;
        if (this.#failing !== error.code) this.#parts.onTrouble(error);
        this.#failing = error.code;
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
        if (this.#stopped) throw error;
        pause = Math.min(pause * 2, RETRY_MS[1]);
        if (error.code === 'SQLITE_FULL') await this.#makeRoom(batch);
      }
    }
  }

  /** Where no space is left, what has been delivered meanwhile is deleted before the batch is tried again. */
  async #makeRoom({ segments }: Batch): Promise<void> {
    const firsts = new Map<number, number>();
    for (let i = 0; i < segments.length; i += SEGMENT) {
      const [session, first] = [segments[i]!, segments[i + 1]!];
      firsts.set(session, Math.min(first, firsts.get(session) ?? first));
    }
    for (const owner of this.#changedOwners) if (!owner.ended) this.#endRun(owner);
    const [early, late]: [number[], number[]] = [[], []];
    const all = this.#deletes;
    for (let i = 0; i < all.length; i += RANGE) {
      const [session, first, last] = [all[i]!, all[i + 1]!, all[i + 2]!];
      // What the batch itself holds must not be deleted before it is there.
      const stop = firsts.get(session) ?? Number.POSITIVE_INFINITY;
      if (first < stop) early.push(session, first, Math.min(last, stop - 1));
      if (last >= stop) late.push(session, Math.max(first, stop), last);
    }
    if (early.length === 0) return;
    this.#deletes = late;
    try {
      await this.#parts.writer.write(packBatch([], [], early, () => this.#messageId++));
    } catch (error) {
      if (!(error instanceof WriteError) || !error.batch || !error.isTransient) throw error;
      this.#deletes.push(...early);
    }
  }

  #confirm(entries: readonly QueueEntry[], pendingAcks: readonly PendingAck[]): void {
    this.counts.entries += entries.length;
    for (const entry of entries) {
      entry.written = WRITTEN;
      this.#relieve(entry);
      entry.message.pendingAck?.done();
    }
    for (const pendingAck of pendingAcks) pendingAck.done();
    for (const entry of entries) entry.owner!.committed(entry);
  }
}
