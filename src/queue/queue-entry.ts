import { decodeExtras, encodeExtras, IDENTIFIER_BYTES, NO_IDENTIFIERS } from './entry-extras.ts';
import { type Message, storedMessage } from './message.ts';

/** The session whose queue is kept on disk: a client's, or an uplink's. */
export interface QueueOwner {
  /** The session's number on disk; never used again after the session has ended. */
  readonly key: number;
  /** True once the session has ended: entries that are not on disk yet are not written any more. */
  ended: boolean;
  /** Whether a receiver is connected; it may acknowledge within milliseconds, which saves the write. */
  readonly online: boolean;
  /** The highest sequence number that was sent at least once. */
  sent: number;
  /** Whether an entry may have been sent before a crash, which did not leave time to write `sent`. */
  isUnsure?(seq: number, at: number): boolean;
  /** The value of `sent` that is on disk or being written. */
  sentOnDisk: number;
  /** The run of acknowledged entries whose rows are to be deleted next; `first` is 0 for none. */
  readonly deletes: { first: number; last: number };
  /** Called as each entry reaches the disk, in order. */
  committed(entry: QueueEntry): void;
}

/** States of an entry on its way to the disk. */
export const UNWRITTEN = 0;
export const WRITING = 1;
export const WRITTEN = 2;

/** Memory of an entry without the body of its message, in bytes. */
export const ENTRY_BYTES = 200;

/** One message in one session's queue. */
export class QueueEntry {
  /** Null for a queue in memory only. */
  readonly owner: QueueOwner | null;
  readonly message: Message;
  /** Counts the entries of the session; the packet identifier follows from it, so both survive a restart. */
  readonly seq: number;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  /** When it was queued, in milliseconds of the stored clock. */
  readonly at: number;
  written: typeof UNWRITTEN | typeof WRITING | typeof WRITTEN = UNWRITTEN;
  /** Acknowledged or dropped. */
  gone = false;
  /** Sent at least once: it is sent again with DUP. */
  sent = false;
  /** PUBREC was received: PUBREL is sent next. */
  released = false;
  /** May not be sent before it is on disk. */
  held = false;
  /** Subscription identifiers of MQTT 5 that are sent with it; they are set before it joins a queue. */
  identifiers: readonly number[] = NO_IDENTIFIERS;
  /** The number of the shared subscription's group that it came by; 0 for none. */
  share = 0;
  /** A member of that group may have been sent it already: it is sent with DUP. */
  repeated = false;

  /** Single parameters: an object would cost each message an allocation wherever the compiler does not inline this. */
  constructor(
    owner: QueueOwner | null,
    message: Message,
    seq: number,
    qos: 1 | 2,
    retain: boolean,
    at: number,
  ) {
    this.owner = owner;
    this.message = message;
    this.seq = seq;
    this.qos = qos;
    this.retain = retain;
    this.at = at;
  }

  /** What it counts for in the limits of a queue: its message, with the properties, and its identifiers. */
  get size(): number {
    return this.message.body.length + this.identifiers.length * IDENTIFIER_BYTES;
  }
}

/** Bits of an entry's flags on disk; the lowest two are its QoS. */
const QOS = 3;
const RETAIN = 4;
const SENT = 8;
export const RELEASED = 16;
const PROPERTIES = 64;

/** The entry's fixed properties as one number on disk. */
export function entryFlags(entry: QueueEntry): number {
  return (
    entry.qos |
    (entry.retain ? RETAIN : 0) |
    (entry.sent ? SENT : 0) |
    (entry.released ? RELEASED : 0) |
    (entry.message.payloadStart > entry.message.topicEnd ? PROPERTIES : 0)
  );
}

/** What an entry has on disk besides; undefined for nothing, as without MQTT 5. */
export function entryExtras(entry: QueueEntry): Uint8Array | undefined {
  const { at, identifiers, share, repeated } = entry;
  const { expiresAt } = entry.message;
  if (expiresAt === null && identifiers.length === 0 && share === 0) return undefined;
  const expiry = expiresAt === null ? null : expiresAt - at;
  return encodeExtras({ expiry, identifiers, share, repeated });
}

/** Whether the body of an entry with these flags has properties. */
export function hasProperties(flags: number): boolean {
  return (flags & PROPERTIES) !== 0;
}

/** An entry as it is read from disk. */
export interface StoredEntry {
  readonly seq: number;
  /** The result of `entryFlags`. */
  readonly flags: number;
  readonly at: number;
  /** The result of `entryExtras`. */
  readonly extras?: Uint8Array | undefined;
  readonly body: Buffer;
}

/** Makes an entry from its form on disk; up to the number `lostUpTo` it counts as never sent. */
export function restoreEntry(
  owner: QueueOwner,
  { seq, flags, at, extras, body }: StoredEntry,
  lostUpTo: number,
): QueueEntry {
  const qos = (flags & QOS) as 1 | 2;
  const retain = (flags & RETAIN) !== 0;
  const { expiry, identifiers, share, repeated } = decodeExtras(extras);
  const expiresAt = expiry === null ? null : at + expiry;
  const message = storedMessage(body, hasProperties(flags), expiresAt);
  const entry = new QueueEntry(owner, message, seq, qos, retain, at);
  entry.identifiers = identifiers;
  entry.share = share;
  entry.repeated = repeated || (share > 0 && owner.isUnsure?.(seq, at) === true);
  entry.written = WRITTEN;
  entry.released = (flags & RELEASED) !== 0 && seq > lostUpTo;
  entry.sent = ((flags & SENT) !== 0 || seq <= owner.sentOnDisk) && seq > lostUpTo;
  return entry;
}

/** The topic of a queued message. */
export function topicOf({ message }: QueueEntry): string {
  return message.body.toString('utf8', 2, message.topicEnd);
}
