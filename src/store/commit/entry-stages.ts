import { type QueueEntry, type QueueOwner, WRITTEN } from '../../queue/queue-entry.ts';
import { AckWait } from './ack-wait.ts';

/** With so many deferred entries, or so many bytes of them, they are written early: more than many sensors give at once. */
const DEFERRED_ENTRIES = 8000;
const DEFERRED_BYTES = 1024 * 1024;
/** Bytes of messages waiting for the disk above which publishers are paused, and below which they are resumed. */
const WAITING_HIGH = 32 * 1024 * 1024;
const WAITING_LOW = 8 * 1024 * 1024;
/** Discarded entries are removed from the due entries only when there are at least so many. */
const SWEEP = 1024;

/**
 * The queue entries that are not on disk yet. A durable entry is due for the next commit, or first waits one generation
 * (3 to 6 ms, up to 80 in a stream) for the acknowledgement of its subscriber, which saves the write. A deferred entry
 * waits for two halves of the journal's `deferredMs`. An entry that is discarded before it is due is never written.
 */
export class EntryStages {
  /** Entries of the latest generation, and of the generation before. */
  #fresh: QueueEntry[] = [];
  #aged: QueueEntry[] = [];
  /** Entries for the next commit. */
  #due: QueueEntry[] = [];
  /** Deferred entries of this half of the time that they may wait, and of halves before. */
  #deferred: QueueEntry[] = [];
  #deferredAged: QueueEntry[] = [];
  #deferredBytes = 0;
  /** Entries discarded since discarded ones were last removed from the due entries. */
  #discarded = 0;
  /** Bytes of the messages of all entries here and in the commit in flight. */
  #waitingBytes = 0;
  #onRelieved: (() => void)[] = [];
  readonly #ackWait = new AckWait();
  #generation: NodeJS.Timeout | undefined;
  readonly #onDue: () => void;

  /** `onDue` is called when entries have waited their generation and are due. */
  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** The number of durable entries in memory. */
  get waiting(): number {
    return this.#fresh.length + this.#aged.length + this.#due.length;
  }

  /** True while publishers should be paused, because the disk is slower than they are. */
  get congested(): boolean {
    return this.#waitingBytes > WAITING_HIGH;
  }

  /** Calls back once when the disk has caught up. */
  onceRelieved(callback: () => void): void {
    this.#onRelieved.push(callback);
  }

  /** Adds a durable entry; returns whether it is due for the next commit. `mayWait` lets it wait for an acknowledgement. */
  add(entry: QueueEntry, mayWait: boolean): boolean {
    this.#waitingBytes += entry.message.body.length;
    if (mayWait && entry.owner?.online) {
      this.#fresh.push(entry);
      this.#ackWait.arrived();
      this.#generation ??= setTimeout(this.#nextGeneration, this.#ackWait.ms);
      return false;
    }
    if (mayWait) this.#ackWait.passed();
    this.#due.push(entry);
    return true;
  }

  /** A stream of entries flows whose publishers do not wait for each acknowledgement. */
  get isStream(): boolean {
    return this.#ackWait.isProven;
  }

  /** Adds a deferred entry; returns whether there are so many that they should be written early. */
  addDeferred(entry: QueueEntry): boolean {
    this.#deferred.push(entry);
    this.#waitingBytes += entry.message.body.length;
    this.#deferredBytes += entry.message.body.length;
    const count = this.#deferred.length + this.#deferredAged.length;
    return count >= DEFERRED_ENTRIES || this.#deferredBytes >= DEFERRED_BYTES;
  }

  get hasDeferred(): boolean {
    return this.#deferred.length + this.#deferredAged.length > 0;
  }

  /**
   * Half of the time that deferred entries may wait is over. Those that have waited for a half before are due; those of
   * an absent subscriber at the end of a whole time, all together. Returns whether any are due.
   */
  ageDeferred(isWhole: boolean): boolean {
    const before = this.#due.length;
    const waiting: QueueEntry[] = [];
    const sort = (entry: QueueEntry, isAged: boolean): void => {
      if (entry.gone) return;
      const isDue = entry.owner?.online ? isAged : isWhole;
      (isDue ? this.#due : waiting).push(entry);
    };
    for (const entry of this.#deferredAged) sort(entry, true);
    for (const entry of this.#deferred) sort(entry, false);
    this.#deferredAged = waiting;
    this.#deferred = [];
    this.#deferredBytes = waiting.reduce((sum, { message }) => sum + message.body.length, 0);
    return this.#due.length > before;
  }

  /** Makes the deferred entries due; returns whether there are any that are not discarded. */
  makeDeferredDue(): boolean {
    const before = this.#due.length;
    for (const entry of this.#deferredAged) if (!entry.gone) this.#due.push(entry);
    for (const entry of this.#deferred) if (!entry.gone) this.#due.push(entry);
    this.#deferredAged = [];
    this.#deferred = [];
    this.#deferredBytes = 0;
    return this.#due.length > before;
  }

  /** Makes the durable entries of one queue due, in their order; returns whether there are any that are not discarded. */
  makeOwnerDue(owner: QueueOwner): boolean {
    const before = this.#due.length;
    const isOther = (entry: QueueEntry): boolean => {
      if (entry.owner !== owner) return true;
      if (!entry.gone) this.#due.push(entry);
      return false;
    };
    this.#aged = this.#aged.filter(isOther);
    this.#fresh = this.#fresh.filter(isOther);
    return this.#due.length > before;
  }

  /** Makes all entries due. */
  makeAllDue(): void {
    this.makeDeferredDue();
    for (const entry of this.#aged) this.#due.push(entry);
    for (const entry of this.#fresh) this.#due.push(entry);
    this.#aged = [];
    this.#fresh = [];
  }

  /** Drops an entry that is not being written: the acknowledgement of its message does not wait for it any more. */
  discard(entry: QueueEntry): void {
    this.#drop(entry);
    // A disk that fails for long must not keep the discarded entries in memory.
    if (++this.#discarded > Math.max(SWEEP, this.#due.length / 2)) {
      this.#discarded = 0;
      this.#due = this.#due.filter((each) => !each.gone);
    }
  }

  /**
   * Returns the entries for the next commit. Entries of ended sessions are dropped, which may call the journal again;
   * changes from these calls belong to the commit after this one. So call this last when a batch is made.
   */
  takeDue(): readonly QueueEntry[] {
    const due = this.#due;
    this.#due = [];
    this.#discarded = 0;
    for (const entry of due) if (!entry.gone && entry.owner!.ended) this.#drop(entry);
    // Only after all callbacks: they may have discarded any entry.
    return due.filter((entry) => !entry.gone);
  }

  /** The entry is on disk. */
  confirm(entry: QueueEntry): void {
    entry.written = WRITTEN;
    this.#relieve(entry);
    entry.message.pendingAck?.done();
  }

  stop(): void {
    clearTimeout(this.#generation);
    this.#ackWait.stop();
  }

  #drop(entry: QueueEntry): void {
    entry.gone = true;
    this.#relieve(entry);
    entry.message.holders--;
    entry.message.pendingAck?.done();
  }

  #relieve(entry: QueueEntry): void {
    this.#waitingBytes -= entry.message.body.length;
    if (this.#onRelieved.length === 0 || this.#waitingBytes > WAITING_LOW) return;
    for (const callback of this.#onRelieved.splice(0)) callback();
  }

  readonly #nextGeneration = (): void => {
    this.#generation = undefined;
    const before = this.#due.length;
    for (const entry of this.#aged) if (!entry.gone) this.#due.push(entry);
    this.#ackWait.waited(this.#due.length - before);
    this.#aged = this.#fresh;
    this.#fresh = [];
    if (this.#aged.length > 0) {
      this.#generation = setTimeout(this.#nextGeneration, this.#ackWait.ms);
    }
    if (this.#due.length > before) this.#onDue();
  };
}
