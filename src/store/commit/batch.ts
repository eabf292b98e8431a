import type { Message } from '../../queue/message.ts';
import {
  entryExtras,
  entryFlags,
  type QueueEntry,
  type QueueOwner,
  WRITING,
} from '../../queue/queue-entry.ts';
import {
  EXTRAS_HEAD_BYTES,
  HAS_EXTRAS,
  HAS_RELEASED,
  HEAD_BYTES,
  NAMES_SHARED,
  putExtras,
  putHead,
  putVarint,
  SEGMENT_BYTES,
  SHARED_BODY,
} from '../database/segment.ts';

/** One statement of the writer's table and its arguments. */
export type Operation =
  | ['openSession', key: number, clientId: string, seen: number, expiry: number]
  | ['sessionExpiry', expiry: number, key: number]
  | ['endSession', key: number]
  | ['sessionSeen', seen: number, key: number]
  | ['sessionOwner', owner: string, key: number]
  | ['sessionSent', sent: number, key: number]
  | ['subscribe', key: number, filter: string, qos: number, options: number, identifier: number]
  | ['unsubscribe', key: number, filter: string]
  | ['incoming', key: number, packetId: number, digest: number]
  | ['incomingDone', key: number, packetId: number]
  | ['released', key: number, seq: number]
  | ['unreleased', key: number]
  | ['dropEntries', key: number, first: number, last: number]
  | [
      'retain',
      topic: string,
      qos: number,
      payload: Uint8Array,
      publisher: string,
      properties: Uint8Array,
      expires: number,
    ]
  | ['unretain', topic: string]
  | ['putWill', clientId: string, topic: string, qos: number, retain: number, payload: Uint8Array]
  | ['deleteWill', clientId: string]
  | [
      'putDelayedWill',
      clientId: string,
      topic: string,
      qos: number,
      retain: number,
      payload: Uint8Array,
      properties: Uint8Array,
      expiry: number,
      delay: number,
      due: number,
    ]
  | ['delayedWillDue', due: number, clientId: string]
  | ['deleteDelayedWill', clientId: string]
  | ['deadLetter', uplink: string, at: number, reason: string, body: Uint8Array]
  | ['dropDeadLetters', uplink: string]
  | ['expireDeadLetters', now: number]
  | ['setState', owner: string, key: string, value: string]
  | ['setMeta', key: string, value: number];

/** Numbers per segment: session, first number, span, count, bytes, time, form, offset and length of its blob. */
export const SEGMENT = 9;
/** Numbers per shared body in `shared`: id, new holders, offset, length. */
export const SHARED = 4;
/** Numbers per range in `deletes`: session, first seq, last seq. */
export const RANGE = 3;

/** Operations, entries, bytes of entries and numbers in `deletes` of one part: packing it is one turn of the event loop. */
const OPERATIONS = 1000;
const ENTRIES = 1000;
const ENTRY_BYTES = 1024 * 1024;
const DELETES = 1000 * RANGE;

/** What one commit writes, or a part of that; its arrays are moved to the writer thread, not copied. */
export interface Batch {
  readonly operations: Operation[];
  /** Shared bodies and the blobs of segments. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly segments: Float64Array<ArrayBuffer>;
  readonly shared: Float64Array<ArrayBuffer>;
  readonly deletes: Float64Array<ArrayBuffer>;
}

/** Those of the entries that have any. */
type Extras = Map<QueueEntry, Uint8Array>;

interface Share {
  holders: number;
}

export interface CommitParts {
  readonly operations: readonly Operation[];
  readonly entries: readonly QueueEntry[];
  /** Session, first and last number of each range. */
  readonly deletes: readonly number[];
}

/**
 * Packs the changes of one commit into one or more parts of bounded size, in their order: operations, entries, deletes.
 * Entries that are gone when their part is packed are left out; the others are appended to `packed`.
 */
export function* packParts(
  { operations, entries, deletes }: CommitParts,
  packed: QueueEntry[],
  nextMessageId: () => number,
): Generator<Batch, void> {
  let [operation, entry, range] = [0, 0, 0];
  for (let isLast = false; !isLast; ) {
    const some = operations.slice(operation, operation + OPERATIONS);
    operation += some.length;
    const waiting: QueueEntry[] = [];
    if (operation === operations.length) {
      for (let bytes = 0; entry < entries.length; entry++) {
        if (waiting.length >= ENTRIES || bytes >= ENTRY_BYTES) break;
        if (entries[entry]!.gone) continue;
        waiting.push(entries[entry]!);
        packed.push(entries[entry]!);
        bytes += entries[entry]!.size;
      }
    }
    const hasEntries = entry < entries.length || operation < operations.length;
    const ranges = hasEntries ? [] : deletes.slice(range, range + DELETES);
    range += ranges.length;
    isLast = !hasEntries && range === deletes.length;
    yield packOrThrow(some, waiting, ranges, nextMessageId);
  }
}

/** Changes that can't be packed. */
export class PackError extends Error {}

/** The same as `packBatch`; throws PackError. */
export function packOrThrow(...changes: Parameters<typeof packBatch>): Batch {
  try {
    return packBatch(...changes);
  } catch (cause) {
    throw new PackError(String(cause), { cause });
  }
}

/** Packs changes of one commit; marks the entries as being written. */
export function packBatch(
  operations: Operation[],
  entries: readonly QueueEntry[],
  deletes: readonly number[],
  nextMessageId: () => number,
): Batch {
  const shares = new Map<Message, Share>();
  const extras: Extras = new Map();
  const queues = new Map<QueueOwner, QueueEntry[]>();
  let bytes = entries.length * HEAD_BYTES;
  let owner: QueueOwner | null = null;
  let queue: QueueEntry[] = [];
  for (const entry of entries) {
    if (entry.owner !== owner) {
      owner = entry.owner!;
      queue = queues.get(owner) ?? [];
      if (queue.length === 0) queues.set(owner, queue);
    }
    queue.push(entry);
    const { message } = entry;
    const ofExtras = entryExtras(entry);
    if (ofExtras) {
      extras.set(entry, ofExtras);
      bytes += ofExtras.length + EXTRAS_HEAD_BYTES;
    }
    if (message.holders > 1) {
      const share = shares.get(message);
      if (share) {
        share.holders++;
        continue;
      }
      shares.set(message, { holders: 1 });
      if (message.id === 0) message.id = nextMessageId();
    }
    bytes += message.body.length;
  }
  const packer = new Packer(bytes, extras);
  const shared = packer.packShared(shares);
  for (const [{ key }, waiting] of queues) packer.packQueue(key, waiting);
  return {
    operations,
    bytes: packer.bytes,
    segments: Float64Array.from(packer.segments),
    shared,
    deletes: Float64Array.from(deletes),
  };
}

class Packer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly segments: number[] = [];
  readonly #extras: Extras;
  #offset = 0;

  constructor(bytes: number, extras: Extras) {
    this.#extras = extras;
    // Not from Buffer's pool, because it is moved to another thread; without zeros, because filling takes time.
    this.bytes = Buffer.allocUnsafeSlow(bytes);
  }

  packShared(shares: ReadonlyMap<Message, Share>): Float64Array<ArrayBuffer> {
    const shared = new Float64Array(shares.size * SHARED);
    let at = 0;
    for (const [{ id, body }, { holders }] of shares) {
      shared[at++] = id;
      shared[at++] = holders;
      shared[at++] = this.#offset;
      shared[at++] = body.length;
      this.bytes.set(body, this.#offset);
      this.#offset += body.length;
    }
    return shared;
  }

  /** Segments have no gaps in their numbers: an entry in a gap may be written later. */
  packQueue(session: number, entries: readonly QueueEntry[]): void {
    for (let next = 0; next < entries.length; ) next = this.#packSegment(session, entries, next);
  }

  /** Packs a segment from the entry at `from` on; returns the index of the first entry that is not in it. */
  #packSegment(session: number, entries: readonly QueueEntry[], from: number): number {
    const { bytes } = this;
    const { seq: first, at } = entries[from]!;
    const start = this.#offset;
    let [offset, seq, before, form, total, index] = [start, first, at, 0, 0, from];
    for (; index < entries.length; index++) {
      const entry = entries[index]!;
      if (index > from && (entry.seq !== seq + 1 || offset - start >= SEGMENT_BYTES)) break;
      const { message } = entry;
      const { body } = message;
      const isShared = message.holders > 1;
      const extras = this.#extras.size === 0 ? undefined : this.#extras.get(entry);
      const flags = entryFlags(entry) | (isShared ? SHARED_BODY : 0) | (extras ? HAS_EXTRAS : 0);
      offset = putHead(bytes, offset, flags, entry.seq - seq, entry.at - before, body.length);
      if (extras) offset = putExtras(bytes, offset, extras);
      if (isShared) {
        offset = putVarint(bytes, offset, message.id);
        form |= NAMES_SHARED;
      } else {
        bytes.set(body, offset);
        offset += body.length;
      }
      if (entry.released) form |= HAS_RELEASED;
      total += entry.size;
      seq = entry.seq;
      before = entry.at;
      entry.written = WRITING;
    }
    const count = index - from;
    this.segments.push(session, first, seq - first, count, total, at, form, start, offset - start);
    this.#offset = offset;
    return index;
  }
}
