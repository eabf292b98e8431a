import type { QueueOwner } from '../../queue/queue-entry.ts';
import { type Operation, RANGE } from './batch.ts';

/**
 * Changes to entries that are on disk: runs of entries to delete, because they were acknowledged or dropped, and
 * how far each queue was sent. The run that still grows is in its owner, all others are here.
 */
export class AcknowledgedRuns {
  /** Session, first and last number of each run that has ended. */
  #ranges: number[] = [];
  /** Owners with a run that still grows, or with a new value of `sent`. */
  readonly #owners = new Set<QueueOwner>();

  /** Marks the entry with this number for deletion from disk. */
  add(owner: QueueOwner, seq: number): void {
    const { deletes } = owner;
    if (deletes.first > 0 && seq === deletes.last + 1) {
      deletes.last = seq;
      return;
    }
    this.#endRun(owner);
    deletes.first = seq;
    deletes.last = seq;
    this.#owners.add(owner);
  }

  /** The owner's `sent` has changed. */
  markSent(owner: QueueOwner): void {
    this.#owners.add(owner);
  }

  /** Returns all ranges for the next commit, and appends the operations that store `sent`. */
  take(operations: Operation[]): readonly number[] {
    for (const owner of this.#owners) {
      if (owner.ended) continue;
      this.#endRun(owner);
      if (owner.sent > owner.sentOnDisk) {
        owner.sentOnDisk = owner.sent;
        operations.push(['sessionSent', owner.sent, owner.key]);
      }
    }
    this.#owners.clear();
    const ranges = this.#ranges;
    this.#ranges = [];
    return ranges;
  }

  /** Returns the parts of all ranges below the number in `firsts`; the whole range of a session that is not in `firsts`. */
  takeBelow(firsts: ReadonlyMap<number, number>): readonly number[] {
    for (const owner of this.#owners) if (!owner.ended) this.#endRun(owner);
    const [below, rest]: [number[], number[]] = [[], []];
    const all = this.#ranges;
    for (let i = 0; i < all.length; i += RANGE) {
      const [session, first, last] = [all[i]!, all[i + 1]!, all[i + 2]!];
      const end = firsts.get(session) ?? Number.POSITIVE_INFINITY;
      if (first < end) below.push(session, first, Math.min(last, end - 1));
      if (last >= end) rest.push(session, Math.max(first, end), last);
    }
    this.#ranges = rest;
    return below;
  }

  /** Gives back ranges that were not written. */
  putBack(ranges: readonly number[]): void {
    for (const number of ranges) this.#ranges.push(number);
  }

  #endRun({ key, deletes }: QueueOwner): void {
    if (deletes.first > 0) this.#ranges.push(key, deletes.first, deletes.last);
    deletes.first = 0;
  }
}
