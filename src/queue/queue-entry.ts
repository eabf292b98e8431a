import type { PendingAck } from './pending-ack.ts';

/** What a session's queue, here or at an uplink, must offer to be kept on disk. */
export interface QueueOwner {
  /** The session's number on disk; never used again after the session has ended. */
  readonly key: number;
  /** True once the session has ended: what still waits for the disk is not written any more. */
  ended: boolean;
  /** Whether someone is there who may acknowledge within milliseconds and so save the write. */
  readonly online: boolean;
  /** The highest sequence number that was sent at least once. */
  sent: number;
  /** What of `sent` is on disk or on its way there. */
  sentOnDisk: number;
  /** The run of acknowledged entries whose rows are to be deleted next; `first` is 0 for none. */
  readonly deletes: { first: number; last: number };
  /** Called as each entry reaches the disk, in order. */
  committed(entry: QueueEntry): void;
}

/** An application message as it stands in memory and on disk: topic length (2 bytes), topic, payload. */
export class Message {
  readonly body: Buffer;
  /** Where the topic ends and the payload begins. */
  readonly topicEnd: number;
  /** How many queues on disk hold it; with more than one its body is stored once for all. */
  holders = 0;
  /** Its number among the shared bodies on disk; 0 until it has one. */
  id = 0;
  pendingAck: PendingAck | null = null;

  constructor(body: Buffer, topicEnd: number) {
    this.body = body;
    this.topicEnd = topicEnd;
  }
}

export const UNWRITTEN = 0;
export const WRITING = 1;
export const WRITTEN = 2;

/** One message in one session's queue. */
export class QueueEntry {
  readonly owner: QueueOwner | null;
  readonly message: Message;
  /** Counts the entries of the session; the packet identifier follows from it, so both survive a restart. */
  readonly seq: number;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  /** Milliseconds since the epoch, when it was queued. */
  readonly at: number;
  written: typeof UNWRITTEN | typeof WRITING | typeof WRITTEN = UNWRITTEN;
  /** Acknowledged or dropped. */
  gone = false;
  /** Sent at least once: another time it carries DUP. */
  sent = false;
  /** PUBREC has come: PUBREL is what is owed. */
  released = false;
  /** May not be sent before it is on disk. */
  held = false;

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
}

/** The entry's fixed properties as one number on disk. */
export function entryFlags(entry: QueueEntry): number {
  return (
    entry.qos |
    (entry.retain ? RETAIN : 0) |
    (entry.sent ? SENT : 0) |
    (entry.released ? RELEASED : 0)
  );
}

export const RETAIN = 4;
export const SENT = 8;
export const RELEASED = 16;
