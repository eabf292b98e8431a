import { ENTRY_BYTES } from '../../queue/queue-entry.ts';

/** What all clean sessions together may have waiting: it stands in memory alone. */
const QUEUED_BYTES = 64 * 1024 * 1024;
/** What all connections together may have sent of packets whose end has not come. */
const UNFINISHED_BYTES = 64 * 1024 * 1024;
/** What all connections together may leave unread before the slow ones are cut short. */
const UNREAD_BYTES = 128 * 1024 * 1024;
/** What one connection may always leave unread. */
const OWN_UNREAD_BYTES = 64 * 1024;
/** What one connection may leave unread while there is room. */
const MOST_UNREAD_BYTES = 8 * 1024 * 1024;

/** What all clients together hold in memory: a thousand frozen ones must not take the machine down. */
export class MemoryBudget {
  /** Bytes in the queues of clean sessions. */
  queued = 0;
  /** Bytes written to sockets whose kernel has not taken them, as far as is known. */
  unread = 0;
  /** Bytes kept of packets whose end has not come, or that came while their client was not read. */
  unfinished = 0;

  /** Whether a message of `size` bytes may still wait for a clean session. */
  hasRoom(size: number): boolean {
    return this.queued + size + ENTRY_BYTES <= QUEUED_BYTES;
  }

  /** Whether more is kept of unfinished packets than there is room for. */
  get hasTooManyUnfinished(): boolean {
    return this.unfinished > UNFINISHED_BYTES;
  }

  /** Whether a connection has left so much unread that it is given no more. */
  isTooMuch(unread: number): boolean {
    if (unread > MOST_UNREAD_BYTES) return true;
    return this.unread > UNREAD_BYTES && unread > OWN_UNREAD_BYTES;
  }
}
