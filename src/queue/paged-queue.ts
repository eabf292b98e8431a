import { Fifo } from './fifo.ts';
import { type QueueEntry, UNWRITTEN, WRITTEN } from './queue-entry.ts';

/** The head of a long queue in memory: entries, and bytes of their messages. The entries after it are only on disk. */
const IN_MEMORY = 256;
const IN_MEMORY_BYTES = 1024 * 1024;
/** With fewer entries in memory, more are read from disk, so that a client that drains its queue does not wait. */
const LOW = 768;
/** Entries in one read from disk. */
const LOAD = 256;
/** After this time the row of a discarded entry is deleted. */
const DELETED_MS = 2000;
/** Pause after a load that failed. */
const RETRY_MS = 1000;

/** A run of entries that are only on disk. */
interface Gap {
  /** Sequence numbers of the next entry to read and of the last; numbers between them may be missing. */
  next: number;
  last: number;
  count: number;
  bytes: number;
  /** No entry of the gap was queued before this time, in milliseconds of the stored clock. */
  oldestAt: number;
}

/** A queue on disk when the gateway started. */
export interface StoredQueue {
  /** Sequence numbers of the first and the last entry; numbers between them may be missing. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** The sizes of the entries together. */
  readonly bytes: number;
  /** When the oldest entry was queued, in milliseconds of the stored clock. */
  readonly oldestAt: number;
}

/** Reads entries from disk, from a sequence number on: about `limit`, fewer if they are large. */
export type LoadEntries = (seq: number, limit: number) => Promise<readonly QueueEntry[]>;

/**
 * The queued messages of one session, in order: a head in memory, a gap that is only on disk, a tail in memory.
 * So a long queue needs no more memory than a short one.
 */
export class PagedQueue {
  /** Entries on disk and in memory. */
  count = 0;
  /** Their sizes together. */
  bytes = 0;
  readonly #head = new Fifo();
  readonly #tail = new Fifo();
  #gap: Gap | undefined;
  #loading = false;
  /** Numbers of recently discarded entries: their rows may still be on disk. */
  #discarded: Set<number> | undefined;
  readonly #load: LoadEntries;
  readonly #loaded: () => void;

  /** `loaded` is called after entries were read, and after a failed read when the caller should try again. */
  constructor(load: LoadEntries, loaded: () => void, stored?: StoredQueue) {
    this.#load = load;
    this.#loaded = loaded;
    if (stored && stored.count > 0) {
      this.count = stored.count;
      this.bytes = stored.bytes;
      const { first: next, last, count, bytes, oldestAt } = stored;
      this.#gap = { next, last, count, bytes, oldestAt };
    }
  }

  get inMemory(): number {
    return this.#head.length + this.#tail.length;
  }

  get bytesInMemory(): number {
    return this.#head.bytes + this.#tail.bytes;
  }

  /** The oldest entry, if it is in memory. */
  get inMemoryFirst(): QueueEntry | undefined {
    const first = this.#head.get(0);
    return first?.gone ? undefined : first;
  }

  /** No entry was queued before this time; Infinity for an empty queue. */
  get oldestAt(): number {
    return this.#head.get(0)?.at ?? this.#gap?.oldestAt ?? Number.POSITIVE_INFINITY;
  }

  /** The number of the oldest entry, or of one before it; Infinity for an empty queue. */
  get firstSeq(): number {
    const first = this.#head.get(0) ?? this.#gap?.next ?? this.#tail.get(0);
    return (typeof first === 'object' ? first.seq : first) ?? Number.POSITIVE_INFINITY;
  }

  /** Where the entries that are only on disk end; 0 where there are none. */
  get lastStored(): number {
    return this.#gap?.last ?? 0;
  }

  push(entry: QueueEntry): void {
    this.count++;
    this.bytes += entry.size;
    this.#append(entry);
  }

  #append(entry: QueueEntry): void {
    if (this.#gap) this.#tail.push(entry);
    else this.#head.push(entry);
  }

  /** The oldest entry; undefined while there is none, or while it is being read from disk. */
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

  /** Removes an entry from any place, by its number and its size; undefined if it has left the queue. */
  discard(seq: number, size: number): QueueEntry | 'stored' | undefined {
    const found = this.first(seq);
    if (found === undefined || (found !== 'stored' && found.seq !== seq)) return undefined;
    if (found === 'stored') {
      const gap = this.#gap!;
      if (seq < gap.next || this.#discarded?.has(seq)) return undefined;
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
    this.#discarded ??= new Set();
    this.#discarded.add(seq);
    setTimeout(() => this.#discarded?.delete(seq), DELETED_MS).unref();
  }

  /** Removes the entry that `peek` returned. */
  shift(): QueueEntry | undefined {
    const entry = this.#head.shift();
    if (entry) {
      this.count--;
      this.bytes -= entry.size;
    }
    return entry;
  }

  /** Takes the entries that are only on disk out of the queue, without reading them; undefined if there are none. */
  takeStored(): { readonly first: number; readonly last: number } | undefined {
    const gap = this.#gap;
    if (!gap) return undefined;
    this.count -= gap.count;
    this.bytes -= gap.bytes;
    this.#closeGap();
    return { first: gap.next, last: gap.last };
  }

  /** The receiver has disconnected: entries that were read in advance are freed from memory and stay on disk. */
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
    for (const { size } of cut) gap.bytes += size;
  }

  /** Frees the memory of entries that are on disk and will not be sent soon, and of entries that are gone. */
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
    do bytes += this.#head.get(kept++)?.size ?? IN_MEMORY_BYTES;
    while (kept < IN_MEMORY && bytes < IN_MEMORY_BYTES);
    return kept;
  }

  #extend(entry: QueueEntry): void {
    if (entry.gone) {
      // The gap may grow over its row, which is on disk or being written.
      if (entry.written !== UNWRITTEN) this.#skipRow(entry.seq);
      return;
    }
    this.#gap ??= { next: entry.seq, last: entry.seq, count: 0, bytes: 0, oldestAt: entry.at };
    this.#gap.last = entry.seq;
    this.#gap.count++;
    this.#gap.bytes += entry.size;
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
        // The store reports the error. Without this call the entries might never be read.
        this.#loading = false;
        setTimeout(() => this.#loaded(), RETRY_MS).unref();
      },
    );
  }

  /** Moves entries that were read from the gap to the head; `end` was the last number of the gap when the read began. */
  #take(entries: readonly QueueEntry[], end: number): void {
    const gap = this.#gap;
    if (!gap) return;
    let last = 0;
    for (const entry of entries) {
      if (entry.seq > gap.last) break;
      // Read from an earlier gap, whose entries have left the queue meanwhile.
      if (entry.seq < gap.next) continue;
      last = entry.seq;
      if (this.#discarded?.has(entry.seq)) continue;
      this.#head.push(entry);
      gap.count--;
      gap.bytes -= entry.size;
      gap.oldestAt = entry.at;
    }
    // An empty result is valid only up to `end`: the gap may have grown since.
    gap.next = Math.max(gap.next, (last > 0 ? last : end) + 1);
    if (gap.next <= gap.last) return;
    // The whole gap is read: entries that were counted but not found are not on disk.
    this.count -= gap.count;
    this.bytes -= gap.bytes;
    this.#closeGap();
  }

  /** No entry is only on disk: those after the gap follow those before it. */
  #closeGap(): void {
    this.#gap = undefined;
    for (let entry = this.#tail.shift(); entry; entry = this.#tail.shift()) this.#head.push(entry);
  }
}

/** Whether its memory may be freed. */
function canLeave({ gone, written }: QueueEntry): boolean {
  return gone || written === WRITTEN;
}
