import type { QueueEntry } from './queue-entry.ts';

/** The array is cut only after so many consumed places, so that `shift` costs the same for any length. */
const CONSUMED = 1024;

/** Entries in memory, in ascending order of their numbers: first in, first out. `shift` does not move the others. */
export class Fifo {
  /** The sizes of the entries. */
  bytes = 0;
  #entries: (QueueEntry | undefined)[] = [];
  /** Index of the first entry. */
  #at = 0;

  get length(): number {
    return this.#entries.length - this.#at;
  }

  get(index: number): QueueEntry | undefined {
    return this.#entries[this.#at + index];
  }

  push(entry: QueueEntry): void {
    this.bytes += entry.size;
    this.#entries.push(entry);
  }

  shift(): QueueEntry | undefined {
    const entry = this.#entries[this.#at];
    if (!entry) return undefined;
    this.bytes -= entry.size;
    this.#entries[this.#at++] = undefined;
    if (this.#at === this.#entries.length) {
      this.#entries = [];
      this.#at = 0;
    } else if (this.#at > CONSUMED && this.#at * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#at);
      this.#at = 0;
    }
    return entry;
  }

  /** The index of the first entry from a sequence number on; `length` where there is none. */
  search(seq: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.get(middle)!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Removes and returns the entries from `index` on. */
  cut(index: number): QueueEntry[] {
    const entries = this.#entries.splice(this.#at + index) as QueueEntry[];
    for (const { size } of entries) this.bytes -= size;
    return entries;
  }
}
