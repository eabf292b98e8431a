import { NOT_AUTHORIZED, QUOTA_EXCEEDED, TOPIC_FILTER_INVALID } from '../../mqtt/reason-codes.ts';
import { isShared, shareProblem, topicFilterOf } from '../../mqtt/shared-filter.ts';
import type { AbsentSessions } from './absent-sessions.ts';
import type { Client } from './client.ts';
import type { Router } from './router.ts';
import type { Sessions } from './sessions.ts';
import { filterPath, hasDeepWildcard } from './tree-levels.ts';

export interface SubscriptionRefusalsParts {
  readonly router: Router;
  readonly sessions: Pick<Sessions, 'ending' | 'shares'>;
  readonly absent: AbsentSessions;
  readonly limits: SubscriptionLimits;
  /** A subscription was refused, or a session has ended, because of this limit. */
  reached(key: SubscriptionKey): void;
}

/** Of all together, those with a wildcard beyond the 128th level, which are compared one by one. */
const DEEP_WILDCARDS = 50;

export interface SubscriptionLimits {
  /** Of all sessions together, and of one. */
  readonly subscriptions: number;
  readonly subscriptionsPerClient: number;
  /** Bytes of their filters. */
  readonly subscriptionBytes: number;
  readonly subscriptionBytesPerClient: number;
}

export type SubscriptionKey = keyof SubscriptionLimits;
/** Why a subscription is refused, with the reason code of MQTT 5. */
export interface Refused {
  readonly reason: string;
  readonly code: number;
}

export const NOT_ALLOWED: Refused = {
  reason: 'not allowed by the access file',
  code: NOT_AUTHORIZED,
};
const TOO_MANY: Refused = { reason: 'too many filters', code: QUOTA_EXCEEDED };
const TOO_DEEP: Refused = {
  reason: 'too many filters with wildcards beyond level 128',
  code: QUOTA_EXCEEDED,
};

/** Whether the client's present rights allow the subscription. */
export function isAllowed({ access }: Client, filter: string): boolean {
  return access === undefined || access.rights.maySubscribe(topicFilterOf(filter));
}

/** Decides which subscriptions a client may have. */
export class SubscriptionRefusals {
  readonly #parts: SubscriptionRefusalsParts;

  constructor(parts: SubscriptionRefusalsParts) {
    this.#parts = parts;
  }

  /** Why the client may not subscribe to the filter; undefined where it may. Refused are shared subscriptions without a share name or filter, filters that match what the client may not read, and too many filters. */
  of(client: Client, filter: string): Refused | undefined {
    const { subscriptions } = client.session!;
    const problem = isShared(filter) ? shareProblem(filter) : undefined;
    if (problem)
      return { reason: `the shared subscription ${problem}`, code: TOPIC_FILTER_INVALID };
    const topicFilter = topicFilterOf(filter);
    if (!isAllowed(client, filter)) return NOT_ALLOWED;
    if (subscriptions.has(filter)) return undefined;
    const { deepWildcards } = this.#parts.router;
    if (deepWildcards >= DEEP_WILDCARDS && hasDeepWildcard(filterPath(topicFilter))) {
      return TOO_DEEP;
    }
    const { limits, absent } = this.#parts;
    const bytes = Buffer.byteLength(filter);
    if (subscriptions.size >= limits.subscriptionsPerClient) {
      return this.#tooMany('subscriptionsPerClient');
    }
    if (subscriptions.bytes + bytes > limits.subscriptionBytesPerClient) {
      return this.#tooMany('subscriptionBytesPerClient');
    }
    while (this.#count >= limits.subscriptions) {
      const reason = this.#tooMany('subscriptions');
      if (!absent.endLargest('most subscriptions', (each) => each.subscriptions.size))
        return reason;
    }
    while (this.#bytes + bytes > limits.subscriptionBytes) {
      const reason = this.#tooMany('subscriptionBytes');
      if (!absent.endLargest('longest filters', (each) => each.subscriptions.bytes)) return reason;
    }
    return undefined;
  }

  /** Subscriptions, without those of sessions that have ended. A group counts as one besides its members. */
  get #count(): number {
    const { router, sessions } = this.#parts;
    return router.count + sessions.shares.members.count - sessions.ending.count;
  }

  get #bytes(): number {
    const { router, sessions } = this.#parts;
    return router.bytes + sessions.shares.members.bytes - sessions.ending.bytes;
  }

  #tooMany(key: SubscriptionKey): Refused {
    this.#parts.reached(key);
    return TOO_MANY;
  }
}
