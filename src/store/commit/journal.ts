import { performance } from 'node:perf_hooks';
import type { Faults } from '../../base/faults.ts';
import type { Latency } from '../../base/latency.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { type QueueEntry, type QueueOwner, UNWRITTEN } from '../../queue/queue-entry.ts';
import { AcknowledgedRuns } from './acknowledged-runs.ts';
import type { CommitParts, Operation } from './batch.ts';
import { CommitPacer } from './commit-pacer.ts';
import { CommitSteps } from './commit-steps.ts';
import { DeferredHalves } from './deferred-halves.ts';
import { EntryStages } from './entry-stages.ts';
import { IsolatingWriter } from './isolating-writer.ts';
import { RetainedChanges, type RetainedValue } from './retained-changes.ts';
import { type CommitCounts, RetryingWriter } from './retrying-writer.ts';
import type { WriteError, Writer } from './writer.ts';

/** The longest wait of a delete. A delete that a crash loses costs only a QoS 1 duplicate. */
const DELETE_MS = 100;

/** Retained values in one batch, and bytes of them: gathering and handing it over is one turn of the event loop. */
const RETAINED = { values: 1000, bytes: 1024 * 1024 };

const now = (): number => performance.now();

export interface JournalParts {
  readonly writer: Writer;
  /** The longest wait of deferred changes, in milliseconds. */
  readonly deferredMs: number;
  readonly nextMessageId: number;
  readonly faults: Faults;
  /** The retained value of a topic at the moment of its commit. */
  retainedValue(topic: string): RetainedValue;
  /** Called when a commit fails with another code than the commit before; with undefined when commits succeed again. */
  onTrouble(error: WriteError | undefined): void;
  /** Called when the writer has ended, or when a commit can never succeed: nothing is acknowledged any more. */
  onFatal(error: Error): void;
}

interface Gathered extends CommitParts {
  readonly operations: Operation[];
  /** Topics whose retained values are written. */
  readonly topics: Iterator<string>;
  readonly pendingAcks: readonly PendingAck[];
  /** Waiting for a flush. */
  readonly flushed: readonly (() => void)[];
}

/**
 * Collects the changes that must be stored and commits them in batches, one in flight. Durable changes are
 * acknowledged after their commit, which begins as soon as the disk is free and `CommitPacer` allows it;
 * deferred changes, for which no acknowledgement waits, are committed within `deferredMs`.
 */
export class Journal {
  /** Durations of commits in milliseconds. */
  readonly commitTimes: Latency;
  readonly counts: CommitCounts;
  /** The longest wait of deferred changes, in milliseconds. */
  deferredMs: number;
  readonly #parts: JournalParts;
  #nextMessageId: number;

  /** Changes for the next commit. */
  #operations: Operation[] = [];
  #pendingAcks: PendingAck[] = [];
  #onFlushed: (() => void)[] = [];
  readonly #entries = new EntryStages(() => this.#requestCommit());
  readonly #retained: RetainedChanges;
  readonly #runs = new AcknowledgedRuns();

  /** When the next commit begins, and whether one is in flight. */
  readonly #pacer = new CommitPacer(now, () => this.#entries.isStream);
  readonly #writer: RetryingWriter;
  readonly #steps: CommitSteps;
  readonly #commits: IsolatingWriter;
  #requested = false;
  /** A client waits for the commit before it sends or receives more: the commit does not wait for the pacer. */
  #urgent = false;
  #scheduled = false;
  #writing = false;
  #stopped = false;
  #pacerTimer: NodeJS.Timeout | undefined;
  #laterTimer: NodeJS.Timeout | undefined;
  readonly #deferred = new DeferredHalves((isWhole) => this.#halfOver(isWhole));

  constructor(parts: JournalParts) {
    this.#parts = parts;
    this.deferredMs = parts.deferredMs;
    this.#nextMessageId = parts.nextMessageId;
    this.#retained = new RetainedChanges((topic) => parts.retainedValue(topic));
    this.#writer = new RetryingWriter({
      writer: parts.writer,
      runs: this.#runs,
      now,
      onTrouble: (error) => parts.onTrouble(error),
    });
    this.#steps = new CommitSteps(this.#writer, now);
    this.#commits = new IsolatingWriter({
      writer: this.#writer,
      steps: this.#steps,
      faults: parts.faults,
      nextMessageId: () => this.#nextMessageId++,
    });
    this.counts = this.#writer.counts;
    this.commitTimes = this.#writer.commitTimes;
  }

  /** The number of durable entries in memory that are not in a batch yet. */
  get waiting(): number {
    return this.#entries.waiting;
  }

  /** Milliseconds that the writer has not answered; 0 while no commit is in flight. */
  get unansweredMs(): number {
    return this.#writer.unansweredMs;
  }

  /** True while publishers should be paused, because the disk is slower than they are. */
  get congested(): boolean {
    return this.#entries.congested;
  }

  /** Calls back once when the disk has caught up. */
  onceRelieved(callback: () => void): void {
    this.#entries.onceRelieved(callback);
  }

  /** Adds an operation to the next commit, after which `pendingAck` is done. */
  add(operation: Operation, pendingAck?: PendingAck): void {
    this.#operations.push(operation);
    if (pendingAck) this.notifyAfterCommit(pendingAck);
    else this.#requestCommit();
  }

  /**
   * `pendingAck` is done after the next commit, which contains all changes that were added before;
   * `urgent` if a delivery waits for it.
   */
  notifyAfterCommit(pendingAck: PendingAck, urgent = false): void {
    pendingAck.add();
    this.#pendingAcks.push(pendingAck);
    if (urgent) this.#urgent = true;
    this.#requestCommit();
  }

  /**
   * Writes a durable entry unless it is discarded first; in both cases the `pendingAck` of its message is done.
   * With `mayWait` it first waits some milliseconds for the acknowledgement of its subscriber. Without, it is in the same
   * commit as the operations that are added in the same turn of the event loop.
   */
  enqueue(entry: QueueEntry, mayWait: boolean): void {
    entry.message.pendingAck?.add();
    if (!this.#entries.add(entry, mayWait)) return;
    if (entry.held && entry.owner?.online) this.#urgent = true;
    this.#requestCommit(entry.message.body.length);
  }

  /** Writes an entry for which no acknowledgement waits: within `deferredMs`, and not at all when it is discarded first. */
  enqueueDeferred(entry: QueueEntry): void {
    if (!this.#entries.addDeferred(entry)) this.#deferred.start(this.deferredMs);
    else if (this.#entries.makeDeferredDue()) this.#requestCommit();
  }

  /** The owner's client has disconnected: its entries are written in their order, before later ones. */
  flushSoon(owner: QueueOwner): void {
    if (this.#entries.makeOwnerDue(owner)) this.#requestCommit();
  }

  /** The entry is acknowledged or dropped: it is not written any more, or it is deleted from disk within 100 ms. */
  discard(entry: QueueEntry): void {
    if (entry.gone) return;
    entry.gone = true;
    const { owner } = entry;
    if (entry.written === UNWRITTEN) {
      this.#entries.discard(entry);
    } else if (owner && !owner.ended) {
      this.#runs.add(owner, entry.seq);
      this.#requestCommitLater();
    }
  }

  /** Stored entries of this queue were sent: after a crash they carry DUP. */
  markSent(owner: QueueOwner): void {
    this.#runs.markSent(owner);
    this.#requestCommitLater();
  }

  /** The retained value of `topic` has changed: it is written with the next commit for a `pendingAck`, else deferred. */
  retain(topic: string, pendingAck: PendingAck | undefined): void {
    if (pendingAck) {
      this.#retained.addDurable(topic);
      this.notifyAfterCommit(pendingAck);
      return;
    }
    this.#retained.addDeferred(topic);
    this.#deferred.start(this.deferredMs);
  }

  /** Resolves when all changes that were added before are on disk, deferred changes too. */
  async flush(): Promise<void> {
    this.#retained.makeDeferredDue();
    this.#entries.makeAllDue();
    this.#urgent = true;
    this.#requestCommit();
    await new Promise<void>((resolve) => this.#onFlushed.push(resolve));
  }

  /** Flushes for at most `ms` and ends all work; resolves with whether everything is on disk. */
  async stop(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    // Twice: a commit may cause further changes.
    const flushed = this.flush().then(() => this.flush());
    const done = await Promise.race([flushed.then(() => true), timeout]);
    clearTimeout(timer);
    this.#stopped = true;
    this.#writer.stop();
    this.#entries.stop();
    clearTimeout(this.#laterTimer);
    this.#deferred.stop();
    clearTimeout(this.#pacerTimer);
    return done;
  }

  /** Half of `deferredMs` is over; returns whether deferred changes still wait. */
  #halfOver(isWhole: boolean): boolean {
    const entriesDue = this.#entries.ageDeferred(isWhole);
    if ((isWhole && this.#retained.makeDeferredDue()) || entriesDue) this.#requestCommit();
    return this.#entries.hasDeferred || this.#retained.hasDeferred;
  }

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
    // At the end of this turn of the event loop: changes that arrive together are committed together.
    this.#scheduled = true;
    setImmediate(this.#commit);
  }

  readonly #commit = async (): Promise<void> => {
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
        const gathered = this.#gather();
        // All else is committed together with the last retained values, and acknowledged after it.
        let retained: Operation[] = [];
        while (this.#retained.append(gathered.topics, retained, RETAINED)) {
          await this.#commits.write({ operations: retained, entries: [], deletes: [] });
          retained = [];
        }
        for (const operation of retained) gathered.operations.push(operation);
        // Some entries may be acknowledged or dropped while other parts are written: they are done already.
        await this.#confirm(gathered, await this.#commits.write(gathered));
        if (!this.#urgent && this.#pacer.delay > 0) break;
      }
    } catch (error) {
      if (!this.#stopped) this.#parts.onFatal(error as Error);
      return;
    }
    this.#writing = false;
    if (this.#requested) this.#schedule();
  };

  #gather(): Gathered {
    const operations = this.#operations;
    this.#operations = [];
    const topics = this.#retained.take();
    const deletes = this.#runs.take(operations);
    const pendingAcks = this.#pendingAcks;
    this.#pendingAcks = [];
    const flushed = this.#onFlushed;
    this.#onFlushed = [];
    // Last: it may call the journal again, and an operation must not be committed before the entries added with it.
    const entries = this.#entries.takeDue();
    return { operations, topics, deletes, entries, pendingAcks, flushed };
  }

  async #confirm(gathered: Gathered, written: readonly QueueEntry[]): Promise<void> {
    const { pendingAcks, flushed } = gathered;
    this.counts.entries += written.length;
    const failed = (error: unknown): void =>
      void this.#parts.faults.caught('commit', 'acknowledging what is on disk', error);
    await this.#steps.each(written, (entry) => this.#entries.confirm(entry), failed);
    await this.#steps.each(pendingAcks, (pendingAck) => pendingAck.done(), failed);
    await this.#steps.each(written, (entry) => entry.owner!.committed(entry), failed);
    for (const resolve of flushed) resolve();
  }
}
