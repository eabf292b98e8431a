import type { StoredSession } from '../store/recovery/load-state.ts';
import { type QueueEntry, UNWRITTEN, WRITTEN } from './queue-entry.ts';

/** Entries of one queue kept in memory ahead of their sending; what is behind stays on disk alone. */
const IN_MEMORY = 256;
const IN_MEMORY_BYTES = 1024 * 1024;
/** Fewer than this in memory and the next are read from disk, so that a client that drains its queue need not wait. */
const LOW = 768;
const LOAD = 256;
/** By then the row of a discarded entry is gone. */
const DELETED_MS = 2000;
/** Pause after a load that failed. */
const RETRY_MS = 1000;

/** A run of entries that stand only on disk. */
interface Gap {
  /** Sequence numbers; a number in between may be missing. */
  next: number;
  last: number;
  count: number;
  bytes: number;
  /** No entry in it was queued before, milliseconds since the epoch. */
  oldestAt: number;
}

/** First in, first out, without moving what is behind the first. */
class Fifo {
  bytes = 0;
  #entries: (QueueEntry | undefined)[] = [];
  #at = 0;

  get length(): number {
    return this.#entries.length - this.#at;
  }

  get(index: number): QueueEntry | undefined {
    return this.#entries[this.#at + index];
  }

  push(entry: QueueEntry): void {
    this.bytes += entry.message.body.length;
    this.#entries.push(entry);
  }

  shift(): QueueEntry | undefined {
    const entry = this.#entries[this.#at];
    if (!entry) return undefined;
    this.bytes -= entry.message.body.length;
    this.#entries[this.#at++] = undefined;
    if (this.#at === this.#entries.length) {
      this.#entries = [];
      this.#at = 0;
    } else if (this.#at > 1024 && this.#at * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#at);
      this.#at = 0;
    }
    return entry;
  }

  /** The index of the first entry from a sequence number on. */
  search(seq: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.get(middle)!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Cuts off and gives what stands from `index` on. */
  cut(index: number): QueueEntry[] {
    const entries = this.#entries.splice(this.#at + index) as QueueEntry[];
    for (const { message } of entries) this.bytes -= message.body.length;
    return entries;
  }
}

/**
 * What waits for one session, in order: a head in memory, a gap that stands only on disk, a tail in memory.
 * So a queue of any length costs the memory of a short one.
 */
export class PagedQueue {
  /** Entries that wait, on disk and in memory. */
  count = 0;
  bytes = 0;
  readonly #head = new Fifo();
  readonly #tail = new Fifo();
  #gap: Gap | undefined;
  #loading = false;
  /** Taken out of the gap a moment ago: their rows may still be there. */
  readonly #discarded = new Set<number>();
  readonly #load: (seq: number, limit: number) => Promise<QueueEntry[]>;
  readonly #loaded: () => void;

  /** `load` gives up to `limit` stored entries from a sequence number on; `loaded` is called when it is worth another look. */
  constructor(
    load: (seq: number, limit: number) => Promise<QueueEntry[]>,
    loaded: () => void,
    stored?: StoredSession['queue'],
  ) {
    this.#load = load;
    this.#loaded = loaded;
    if (stored && stored.count > 0) {
      this.count = stored.count;
      this.bytes = stored.bytes;
      this.#gap = {
        next: stored.first,
        last: stored.last,
        count: stored.count,
        bytes: stored.bytes,
        oldestAt: stored.oldestAt,
      };
    }
  }

  get inMemory(): number {
    return this.#head.length + this.#tail.length;
  }

  /** No entry was queued before this time; Infinity for an empty queue. */
  get oldestAt(): number {
    return this.#head.get(0)?.at ?? this.#gap?.oldestAt ?? Number.POSITIVE_INFINITY;
  }

  push(entry: QueueEntry): void {
    this.count++;
    this.bytes += entry.message.body.length;
    this.#append(entry);
  }

  #append(entry: QueueEntry): void {
    if (this.#gap) this.#tail.push(entry);
    else this.#head.push(entry);
  }

  /** The oldest; undefined while there is none, or while it is still being read from disk. */
  peek(): QueueEntry | undefined {
    for (let first = this.#head.get(0); first?.gone; first = this.#head.get(0)) this.#head.shift();
    if (this.#gap && this.#head.length < LOW && this.#head.bytes < IN_MEMORY_BYTES) this.#fill();
    return this.#head.get(0);
  }

  /** The first entry from a sequence number on: in memory, `stored` on disk, or none. */
  first(seq: number): QueueEntry | 'stored' | undefined {
    const inHead = this.#firstIn(this.#head, seq);
    if (inHead) return inHead;
    if (this.#gap && seq <= this.#gap.last) return 'stored';
    return this.#firstIn(this.#tail, seq);
  }

  #firstIn(entries: Fifo, seq: number): QueueEntry | undefined {
    let index = entries.search(seq);
    while (entries.get(index)?.gone) index++;
    return entries.get(index);
  }

  /** Takes out an entry from the middle, by its number and the size of its body; undefined when it has left. */
  discard(seq: number, size: number): QueueEntry | 'stored' | undefined {
    const found = this.first(seq);
    if (found === undefined || (found !== 'stored' && found.seq !== seq)) return undefined;
    if (found === 'stored') {
      const gap = this.#gap!;
      if (seq < gap.next || this.#discarded.has(seq)) return undefined;
      gap.count--;
      gap.bytes -= size;
      this.#skipRow(seq);
    }
    this.count--;
    this.bytes -= size;
    return found;
  }

  /** The row of this entry may still be on disk for a while. */
  #skipRow(seq: number): void {
    this.#discarded.add(seq);
    setTimeout(() => this.#discarded.delete(seq), DELETED_MS).unref();
  }

  /** Takes the one that `peek` gave. */
  shift(): QueueEntry | undefined {
    const entry = this.#head.shift();
    if (entry) {
      this.count--;
      this.bytes -= entry.message.body.length;
    }
    return entry;
  }

  /** Nobody takes from it any more: what was read ahead goes back to standing on disk alone. */
  unload(): void {
    this.spill();
    const gap = this.#gap;
    if (!gap || this.#loading || this.#head.length <= 2 * IN_MEMORY) return;
    const cut = this.#head.cut(this.#keptInMemory());
    if (cut.some(({ gone, written }) => gone || written !== WRITTEN)) {
      for (const entry of cut) this.#head.push(entry);
      return;
    }
    gap.next = cut[0]!.seq;
    gap.oldestAt = cut[0]!.at;
    gap.count += cut.length;
    for (const { message } of cut) gap.bytes += message.body.length;
  }

  /** Frees the memory of entries that are on disk and far from being sent, and of those that are gone. */
  spill(): void {
    if (this.#gap) {
      for (let first = this.#tail.get(0); first && canLeave(first); first = this.#tail.get(0)) {
        this.#tail.shift();
        this.#extend(first);
      }
      return;
    }
    const { length, bytes } = this.#head;
    if (length <= 2 * IN_MEMORY && bytes <= 2 * IN_MEMORY_BYTES) return;
    const kept = this.#keptInMemory();
    const first = this.#head.get(kept);
    if (!first || !canLeave(first)) return;
    for (const entry of this.#head.cut(kept)) {
      if (canLeave(entry) && this.#tail.length === 0) this.#extend(entry);
      else this.#append(entry);
    }
  }

  /** How many of the head's entries stay in memory: at least one, however large. */
  #keptInMemory(): number {
    let kept = 0;
    let bytes = 0;
    do bytes += this.#head.get(kept++)?.message.body.length ?? IN_MEMORY_BYTES;
    while (kept < IN_MEMORY && bytes < IN_MEMORY_BYTES);
    return kept;
  }

  #extend(entry: QueueEntry): void {
    if (entry.gone) {
      // The gap may grow over the row that it has, or is about to have.
      if (entry.written !== UNWRITTEN) this.#skipRow(entry.seq);
      return;
    }
    this.#gap ??= { next: entry.seq, last: entry.seq, count: 0, bytes: 0, oldestAt: entry.at };
    this.#gap.last = entry.seq;
    this.#gap.count++;
    this.#gap.bytes += entry.message.body.length;
  }

  #fill(): void {
    if (this.#loading || !this.#gap) return;
    this.#loading = true;
    const { next, last, count } = this.#gap;
    this.#load(next, Math.min(LOAD, Math.max(count, 1))).then(
      (entries) => {
        this.#loading = false;
        this.#take(entries, last);
        this.#loaded();
      },
      () => {
        // The disk's trouble is told by the store. Nothing else may come that would look again.
        this.#loading = false;
        setTimeout(() => this.#loaded(), RETRY_MS).unref();
      },
    );
  }

  /** Takes what was read of the gap; `asked` is where it ended when the load was asked for. */
  #take(entries: readonly QueueEntry[], asked: number): void {
    const gap = this.#gap;
    if (!gap) return;
    let last = 0;
    for (const entry of entries) {
      if (entry.seq > gap.last) break;
      last = entry.seq;
      if (this.#discarded.has(entry.seq)) continue;
      this.#head.push(entry);
      gap.count--;
      gap.bytes -= entry.message.body.length;
      gap.oldestAt = entry.at;
    }
    // An empty answer speaks for the gap as it was: it may have grown since.
    gap.next = (last > 0 ? last : asked) + 1;
    if (gap.next <= gap.last) return;
    // The gap is read to its end: what it was thought to hold beyond that is not there.
    this.count -= gap.count;
    this.bytes -= gap.bytes;
    this.#gap = undefined;
    for (let entry = this.#tail.shift(); entry; entry = this.#tail.shift()) this.#head.push(entry);
  }
}

/** Whether its memory may be freed. */
function canLeave({ gone, written }: QueueEntry): boolean {
  return gone || written === WRITTEN;
}
