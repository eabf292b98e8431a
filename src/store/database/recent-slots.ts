import { crc32 } from 'node:zlib';
import type { Connection } from './sqlite.ts';

/** A batch of recent values, in the slots that it fills. */
export interface StoredBatch {
  /** Grows with each batch. */
  readonly number: number;
  /** Batches with lower numbers than this are not valid any more, from the time when this one was written. */
  readonly oldest: number;
  readonly slots: readonly number[];
  readonly bytes: Buffer;
}

/** Offsets in a slot: form, number, oldest, index and count of the parts, bytes of the part, checksum of all but itself. */
const FORM = 1;
const [NUMBER_AT, OLDEST_AT, INDEX_AT, COUNT_AT, LENGTH_AT, SUM_AT] = [1, 7, 13, 15, 17, 21];
const HEAD_BYTES = 25;

/** One part of a batch. */
interface Part {
  readonly slot: number;
  readonly number: number;
  readonly oldest: number;
  readonly index: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/**
 * The table `recent`. All its rows have the same size, at which each fills one page: a row that is written again changes
 * this one page, no tree, no other row and no list of free pages. A batch fills as many slots as it needs.
 */
export class RecentSlots {
  /** Bytes of a batch in one slot. */
  readonly capacity: number;
  readonly #rowBytes: number;
  readonly #update;
  readonly #insert;
  readonly #read;

  constructor(db: Connection) {
    // The largest row without overflow pages [SQLite file format, section 1.6], without the head of its record: the
    // length of the head, the type of `id`, and the type of `body`, a varint.
    const most = (db.pragma('page_size', { simple: true }) as number) - 35 - 2;
    this.#rowBytes = most - (most > 8190 ? 3 : 2);
    this.capacity = this.#rowBytes - HEAD_BYTES;
    this.#update = db.prepare('UPDATE recent SET body = ? WHERE id = ?');
    this.#insert = db.prepare('INSERT INTO recent (id, body) VALUES (?, ?)');
    this.#read = db.prepare<[number], Buffer>('SELECT body FROM recent WHERE id = ?').pluck();
  }

  /** How many slots a batch of so many bytes fills. */
  slotsFor(bytes: number): number {
    return Math.max(1, Math.ceil(bytes / this.capacity));
  }

  write({ number, oldest, slots, bytes }: StoredBatch): void {
    for (const [index, slot] of slots.entries()) {
      const part = bytes.subarray(index * this.capacity, (index + 1) * this.capacity);
      const body = Buffer.alloc(this.#rowBytes);
      body[0] = FORM;
      body.writeUIntLE(number, NUMBER_AT, 6);
      body.writeUIntLE(oldest, OLDEST_AT, 6);
      body.writeUInt16LE(index, INDEX_AT);
      body.writeUInt16LE(slots.length, COUNT_AT);
      body.writeUInt32LE(part.length, LENGTH_AT);
      part.copy(body, HEAD_BYTES);
      body.writeUInt32LE(sumOf(body), SUM_AT);
      if (this.#update.run(body, slot).changes === 0) this.#insert.run(slot, body);
    }
  }

  /** The bytes of the batch in these slots. Throws where they are not as they were written. */
  read(number: number, slots: readonly number[]): Buffer {
    const parts = slots.map((slot, index) => {
      const part = partOf(slot, this.#read.get(slot));
      if (part?.number !== number || part.index !== index) {
        throw new RangeError(`slot ${slot} of recent values has not what was written to it`);
      }
      return part.bytes;
    });
    return Buffer.concat(parts);
  }
}

function sumOf(body: Buffer): number {
  return crc32(body.subarray(HEAD_BYTES), crc32(body.subarray(0, SUM_AT)));
}

/** Whether a value of the column `body` is as it was written. */
export function isSlot(body: unknown): body is Buffer {
  if (!Buffer.isBuffer(body) || body.length < HEAD_BYTES || body[0] !== FORM) return false;
  return (
    HEAD_BYTES + body.readUInt32LE(LENGTH_AT) <= body.length &&
    body.readUInt16LE(INDEX_AT) < body.readUInt16LE(COUNT_AT) &&
    body.readUInt32LE(SUM_AT) === sumOf(body)
  );
}

function partOf(slot: number, body: unknown): Part | undefined {
  if (!isSlot(body)) return undefined;
  return {
    slot,
    number: body.readUIntLE(NUMBER_AT, 6),
    oldest: body.readUIntLE(OLDEST_AT, 6),
    index: body.readUInt16LE(INDEX_AT),
    count: body.readUInt16LE(COUNT_AT),
    bytes: body.subarray(HEAD_BYTES, HEAD_BYTES + body.readUInt32LE(LENGTH_AT)),
  };
}

/** The valid batches in the order of their numbers. One of which a part is overwritten has no value that is valid. */
export function readBatches(db: Connection): StoredBatch[] {
  const rows = db.prepare('SELECT id, body FROM recent ORDER BY id').raw().all() as unknown[][];
  const byNumber = new Map<number, Part[]>();
  for (const [slot, body] of rows) {
    const part = partOf(slot as number, body);
    if (!part) continue;
    const parts = byNumber.get(part.number);
    if (parts) parts.push(part);
    else byNumber.set(part.number, [part]);
  }
  const whole = [...byNumber.values()]
    .filter((parts) => parts.length === parts[0]!.count)
    .map((parts) => parts.sort((a, b) => a.index - b.index))
    .sort(([a], [b]) => a!.number - b!.number);
  const oldest = whole.at(-1)?.[0]?.oldest ?? 0;
  return whole
    .filter(([first]) => first!.number >= oldest)
    .map((parts) => ({
      number: parts[0]!.number,
      oldest: parts[0]!.oldest,
      slots: parts.map(({ slot }) => slot),
      bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
    }));
}

/** How many slots are not as they were written. */
export function damagedSlots(db: Connection): number {
  const bodies = db.prepare('SELECT body FROM recent').pluck().all();
  return bodies.filter((body) => !isSlot(body)).length;
}
