import type { QueueDrop, QueueLimits } from '../../queue/bounded-queue.ts';
import type { StoredEntry } from '../../queue/queue-entry.ts';
import type { StoredSession } from '../../store/recovery/load-state.ts';
import type { DeliveriesParts } from './deliveries.ts';
import type { FlowControl } from './flow-control.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { RetainedFeedParts } from './retained-feed.ts';

/** Why a message did not reach a session. */
export type DropReason = QueueDrop | 'slow-reader' | 'memory' | 'session-expired' | 'session-cut';

export interface SessionLimits {
  /** The most unacknowledged messages of a client. */
  readonly inflight: number;
  readonly queue: QueueLimits;
  /** Bytes of memory that the queue of a clean session may take. */
  readonly queueMemoryPerClient: number;
}

/** The parts that all sessions share. */
export interface SessionContext extends DeliveriesParts, RetainedFeedParts {
  readonly limits: SessionLimits;
  readonly memory: MemoryBudget;
  readonly flow: FlowControl;
  /** The groups of which sessions are members. */
  readonly shares: {
    came(session: object): void;
    went(session: object): void;
    idle(): void;
  };
  load(session: number, seq: number, limit: number): Promise<StoredEntry[]>;
  dropped(session: { readonly clientId: string }, reason: DropReason, count: number): void;
}

export interface SessionParts {
  readonly context: SessionContext;
  readonly clientId: string;
  /** The session's number on disk; 0 for a clean session. */
  readonly key: number;
  readonly persistent: boolean;
  /** The stored session; undefined for a new session. */
  readonly stored?: Pick<StoredSession, 'sent' | 'seen' | 'queue' | 'owner'> | undefined;
  /** How long the session outlives its connection, in milliseconds; Infinity as long as the config says. */
  readonly expiryMs: number;
}
