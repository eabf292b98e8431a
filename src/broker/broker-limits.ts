import type { ConnectionLimits } from './clients/connections.ts';
import type { AbsentLimits } from './messages/absent-sessions.ts';
import type { MemoryLimits } from './messages/memory-budget.ts';
import type { RetainedLimits } from './messages/retain.ts';
import type { SessionLimits } from './messages/session-parts.ts';
import type { SubscriptionLimits } from './messages/subscription-refusals.ts';

/** Times in milliseconds, sizes in bytes. */
export interface BrokerLimits
  extends ConnectionLimits,
    SessionLimits,
    RetainedLimits,
    SubscriptionLimits,
    AbsentLimits,
    MemoryLimits {
  readonly tcpKeepalive: number;
  readonly sessionExpiry: number;
  readonly longestKeepalive?: number | undefined;
}
