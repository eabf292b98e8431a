import { ENTRY_BYTES } from '../../queue/queue-entry.ts';

export interface MemoryLimits {
  /** Bytes in the queues of all clean sessions, which are in memory only. */
  readonly queueMemory: number;
  /** Bytes that all connections may have sent of incomplete packets. */
  readonly unfinishedMemory: number;
  /** Bytes that all connections may leave unread; above that, nothing more is sent to slow ones. */
  readonly unreadMemory: number;
  /** Bytes that one connection may leave unread while the limit for all is not reached. */
  readonly unreadMemoryPerClient: number;
}

type MemoryKey = Exclude<keyof MemoryLimits, 'unreadMemoryPerClient'>;

/** Part of `queueMemory` above which publishers wait for clean sessions with short queues too. */
const TIGHT_PART = 0.75;
/** Part of it above which nothing more joins the queues of slow readers. */
const SLOW_PART = 0.625;
/** Bytes that one connection may always leave unread. */
const OWN_UNREAD_BYTES = 64 * 1024;
/** Bytes that one connection may leave unread before its publishers are held up; fewer when all leave half of the limit. */
const BACKLOG_BYTES = 256 * 1024;
const TIGHT_BACKLOG_BYTES = 32 * 1024;

/** The memory used by all clients together: a thousand clients that do not read must not exhaust the machine. */
export class MemoryBudget {
  /** Bytes in the queues of clean sessions. */
  queued = 0;
  /** Bytes written to sockets that the kernel had not accepted at the last measurement. */
  unread = 0;
  /** Bytes kept of incomplete packets, and of packets that arrived while reading was paused. */
  unfinished = 0;
  readonly #limits: MemoryLimits;
  readonly #reached: (key: MemoryKey) => void;

  constructor(limits: MemoryLimits, reached: (key: MemoryKey) => void) {
    this.#limits = limits;
    this.#reached = reached;
  }

  /** Whether a message of `size` bytes may join a clean session's queue; slow readers leave room for the others. */
  hasRoom(size: number, slow: boolean): boolean {
    const { queueMemory } = this.#limits;
    const most = slow ? queueMemory * SLOW_PART : queueMemory;
    const hasRoom = this.queued + size + ENTRY_BYTES <= most;
    if (!hasRoom) this.#reached('queueMemory');
    return hasRoom;
  }

  /** Whether the queues of clean sessions have taken most of their room. */
  get isTight(): boolean {
    return this.queued > this.#limits.queueMemory * TIGHT_PART;
  }

  /** Whether half of the bytes for incomplete packets are in use. */
  get isShortOfUnfinished(): boolean {
    return this.unfinished > this.#limits.unfinishedMemory / 2;
  }

  /** Whether more bytes of incomplete packets are kept than the limit allows. */
  get hasTooManyUnfinished(): boolean {
    if (this.unfinished <= this.#limits.unfinishedMemory) return false;
    this.#reached('unfinishedMemory');
    return true;
  }

  /** Whether a connection has left so much unread that its publishers are held up. */
  isBacklog(unread: number): boolean {
    if (unread > BACKLOG_BYTES) return true;
    return this.unread > this.#limits.unreadMemory / 2 && unread > TIGHT_BACKLOG_BYTES;
  }

  /** Whether a connection has left so much unread that nothing more is sent to it. */
  isTooMuch(unread: number): boolean {
    const { unreadMemory, unreadMemoryPerClient } = this.#limits;
    if (unread > unreadMemoryPerClient) return true;
    if (this.unread <= unreadMemory || unread <= OWN_UNREAD_BYTES) return false;
    this.#reached('unreadMemory');
    return true;
  }
}
