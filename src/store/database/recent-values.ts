import { decodeBatch, encodeBatch, type Recent, type StoredRetained } from './recent-batch.ts';
import { RecentSlots, readBatches } from './recent-slots.ts';
import type { Connection } from './sqlite.ts';

/** At most so many slots, and this part of the pages that the database may have. */
const SLOTS = 1024;
const SHARE = 1 / 32;
const MIN_SLOTS = 16;
/** At most so many topics have their value in a slot: each costs memory. */
const TOPICS = 50_000;
/** So many topics whose latest value is in the table are remembered: one that is written again is written often. */
const REMEMBERED = 10_000;
/** The most bytes of values in one batch, and of one value. */
const BATCH_BYTES = 256 * 1024;
const VALUE_BYTES = 64 * 1024;
/** A larger value gets a slot only while this part of the slots is free: moved to the table, it was written twice. */
const LARGE_BYTES = 2048;
const KEPT_FREE = 1 / 4;

/** A batch of which values are the latest of their topics. */
interface Batch {
  readonly number: number;
  readonly slots: readonly number[];
  /** How many of its values are the latest. */
  latest: number;
}

/**
 * Retained values on disk. A row in the table `retained` costs a page for each write, so the values of topics that change
 * often are in batches in the table `recent`, where the latest one is valid. The slots of a batch are free when
 * all of its values have later ones. Where slots are needed, the values of the oldest batch move to `retained`.
 */
export class RecentValues {
  readonly #db: Connection;
  readonly #slots: RecentSlots;
  readonly #limit: number;
  readonly #put;
  readonly #delete;
  /** By their numbers, in order; undefined while they must be read from disk. */
  #batches: Map<number, Batch> | undefined;
  readonly #batchOf = new Map<string, Batch>();
  #free: number[] = [];
  #used = 0;
  #next = 1;
  readonly #remembered = new Set<string>();
  /** The changes of the present commit. */
  readonly #changes = new Map<string, Recent>();

  constructor(db: Connection) {
    this.#db = db;
    this.#slots = new RecentSlots(db);
    const pages = db.pragma('max_page_count', { simple: true }) as number;
    this.#limit = Math.max(MIN_SLOTS, Math.min(SLOTS, Math.floor(pages * SHARE)));
    // Not INSERT OR REPLACE: the row would have another rowid, and its index another entry.
    this.#put = db.prepare(
      `INSERT INTO retained (topic, qos, payload, publisher, properties, expires)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (topic) DO UPDATE SET qos = excluded.qos, payload = excluded.payload,
         publisher = excluded.publisher, properties = excluded.properties, expires = excluded.expires`,
    );
    this.#delete = db.prepare('DELETE FROM retained WHERE topic = ?');
  }

  /** Stores the value of a topic, with `flush` at the latest. */
  retain(value: StoredRetained): void {
    const { topic, payload, properties } = value;
    this.#load();
    const bytes = payload.length + properties.length;
    const isRecent = this.#batchOf.has(topic) || this.#changes.has(topic);
    if (bytes <= this.#valueBytes && (isRecent || this.#mayBegin(topic, bytes))) {
      this.#changes.set(topic, value);
      return;
    }
    this.#remember(topic);
    this.#putRow(value);
    if (isRecent) this.#changes.set(topic, { topic, payload: undefined });
  }

  /** Deletes the value of a topic. */
  unretain(topic: string): void {
    this.#load();
    this.#delete.run(topic);
    if (this.#batchOf.has(topic)) this.#changes.set(topic, { topic, payload: undefined });
    else this.#changes.delete(topic);
  }

  /** Writes the changes of this commit. */
  flush(): void {
    if (this.#changes.size === 0) return;
    this.#load();
    let [group, bytes]: [Recent[], number] = [[], 0];
    for (const change of this.#changes.values()) {
      group.push(change);
      bytes += change.topic.length + (change.payload?.length ?? 0);
      if (bytes < this.#batchBytes) continue;
      this.#writeBatch(group);
      [group, bytes] = [[], 0];
    }
    if (group.length > 0) this.#writeBatch(group);
    this.#changes.clear();
  }

  /** The transaction was undone. */
  undone(): void {
    this.#changes.clear();
    this.#batches = undefined;
  }

  /** Whether a topic that has its value in the table may have its next one in a batch. */
  #mayBegin(topic: string, bytes: number): boolean {
    if (!this.#remembered.has(topic)) return false;
    return bytes <= LARGE_BYTES || this.#left > this.#limit * KEPT_FREE;
  }

  /** How many slots are free or can be added. */
  get #left(): number {
    return this.#free.length + Math.max(0, this.#limit - this.#used);
  }

  get #batchBytes(): number {
    return Math.min(BATCH_BYTES, (this.#limit * this.#slots.capacity) / 8);
  }

  get #valueBytes(): number {
    return Math.min(VALUE_BYTES, (this.#limit * this.#slots.capacity) / 16);
  }

  #writeBatch(values: readonly Recent[]): void {
    const bytes = encodeBatch(values);
    for (const { topic } of values) this.#superseded(topic);
    const slots = this.#take(this.#slots.slotsFor(bytes.length));
    const batch: Batch = { number: this.#next++, slots, latest: values.length };
    const { number } = batch;
    const oldest = this.#batches!.keys().next().value ?? number;
    this.#batches!.set(number, batch);
    for (const { topic } of values) this.#batchOf.set(topic, batch);
    this.#slots.write({ number, oldest, slots, bytes });
  }

  /** The value that a topic has in a batch is not the latest any more. */
  #superseded(topic: string): void {
    const batch = this.#batchOf.get(topic);
    if (!batch) return;
    this.#batchOf.delete(topic);
    if (--batch.latest === 0) this.#release(batch);
  }

  #release({ number, slots }: Batch): void {
    this.#batches!.delete(number);
    // The lowest first: few pages that are written often cost a checkpoint less than many.
    this.#free = [...this.#free, ...slots].sort((a, b) => b - a);
  }

  /** Numbers of free slots; moves values to the table where there are none. */
  #take(count: number): number[] {
    while (this.#batches!.size > 0 && (this.#left < count || this.#batchOf.size > TOPICS)) {
      this.#moveOldest();
    }
    return Array.from({ length: count }, () => this.#free.pop() ?? ++this.#used);
  }

  /** Moves the values of the oldest batch to the table: no older batch has a value of their topics. */
  #moveOldest(): void {
    const [oldest] = this.#batches!.values();
    const batch = oldest!;
    for (const value of decodeBatch(this.#slots.read(batch.number, batch.slots))) {
      if (this.#batchOf.get(value.topic) !== batch) continue;
      if (value.payload !== undefined) this.#putRow(value);
      this.#remember(value.topic);
      this.#batchOf.delete(value.topic);
    }
    this.#release(batch);
  }

  #putRow({ topic, qos, payload, publisher, properties, expires }: StoredRetained): void {
    this.#put.run(topic, qos, payload, publisher, properties, expires);
  }

  #remember(topic: string): void {
    this.#remembered.delete(topic);
    this.#remembered.add(topic);
    if (this.#remembered.size <= REMEMBERED) return;
    const [first] = this.#remembered;
    this.#remembered.delete(first!);
  }

  /** Reads which batches there are. */
  #load(): Map<number, Batch> {
    if (this.#batches) return this.#batches;
    const batches = new Map<number, Batch>();
    this.#batches = batches;
    this.#batchOf.clear();
    const stored = readBatches(this.#db);
    for (const { number, slots, bytes } of stored) {
      const batch: Batch = { number, slots, latest: 0 };
      batches.set(number, batch);
      for (const { topic } of decodeBatch(bytes)) {
        const before = this.#batchOf.get(topic);
        if (before) before.latest--;
        batch.latest++;
        this.#batchOf.set(topic, batch);
      }
    }
    this.#next = (stored.at(-1)?.number ?? 0) + 1;
    for (const batch of batches.values()) if (batch.latest === 0) batches.delete(batch.number);
    const taken = new Set([...batches.values()].flatMap(({ slots }) => slots));
    this.#used = this.#db
      .prepare('SELECT coalesce(max(id), 0) FROM recent')
      .pluck()
      .get() as number;
    this.#free = [];
    for (let slot = this.#used; slot > 0; slot--) if (!taken.has(slot)) this.#free.push(slot);
    return batches;
  }
}

/** The latest values of the topics in batches; `payload` undefined where the table `retained` has the latest. */
export function recentValues(db: Connection): ReadonlyMap<string, Recent<Buffer>> {
  const values = new Map<string, Recent<Buffer>>();
  for (const { bytes } of readBatches(db)) {
    for (const value of decodeBatch(bytes)) values.set(value.topic, value);
  }
  return values;
}
