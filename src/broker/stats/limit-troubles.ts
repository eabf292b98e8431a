/** The keys of `broker.limits` that clients share, or of which each has a part, and their troubles. */
const SENTENCES = {
  connections: 'the limit broker.limits.connections is reached',
  connectionsPerAddress: 'the limit broker.limits.connectionsPerAddress is reached',
  connecting: 'the limit broker.limits.connecting is reached',
  subscriptions: 'the limit broker.limits.subscriptions is reached',
  subscriptionsPerClient: 'the limit broker.limits.subscriptionsPerClient is reached',
  retainedMessages: 'the limit broker.limits.retainedMessages is reached',
  retainedMessagesPerClient: 'the limit broker.limits.retainedMessagesPerClient is reached',
  retainedBytes: 'the limit broker.limits.retainedBytes is reached',
  retainedBytesPerClient: 'the limit broker.limits.retainedBytesPerClient is reached',
  sessions: 'the limit broker.limits.sessions is reached',
  subscriptionBytes: 'the limit broker.limits.subscriptionBytes is reached',
  subscriptionBytesPerClient: 'the limit broker.limits.subscriptionBytesPerClient is reached',
  unreleased: 'the limit broker.limits.unreleased is reached',
  absentQueueBytes: 'the limit broker.limits.absentQueueBytes is reached',
  unfinishedMemory: 'the limit broker.limits.unfinishedMemory is reached',
  unreadMemory: 'the limit broker.limits.unreadMemory is reached',
  queueMemory: 'the limit broker.limits.queueMemory is reached',
} as const;

export type LimitKey = keyof typeof SENTENCES;

/** A client or an address that has the most of something, and how much. */
export interface Most {
  readonly name: string;
  readonly has: number;
}

/** A limit that was reached is a trouble for this long after the last refusal. */
const TROUBLE_MS = 60_000;

/** Which limits clients have reached a moment ago. */
export class LimitTroubles {
  readonly #now: () => number;
  readonly #reachedAt = new Map<LimitKey, number>();

  /** `now` in milliseconds on the monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Something was refused or dropped because of this limit. */
  reached(key: LimitKey): void {
    this.#reachedAt.set(key, this.#now());
  }

  /** Whether something was refused because of this limit a moment ago. */
  isReached(key: LimitKey): boolean {
    return this.#reachedAt.has(key);
  }

  /** A sentence for each limit, with the client that has the most. */
  troubles(
    limitOf: (key: LimitKey) => number | undefined,
    mostOf: (key: LimitKey) => Most | undefined,
  ): string[] {
    const now = this.#now();
    const troubles: string[] = [];
    for (const [key, at] of this.#reachedAt) {
      if (now - at > TROUBLE_MS) {
        this.#reachedAt.delete(key);
        continue;
      }
      const most = mostOf(key);
      const limit = limitOf(key);
      const value = limit === undefined ? '' : ` (${limit})`;
      const whose = most ? `; ${most.name} has the most: ${most.has}` : '';
      troubles.push(`${SENTENCES[key]}${value}${whose}`);
    }
    return troubles;
  }
}

/** From this part of the limit on, many sessions are a trouble. */
const NEARLY_ALL = 0.8;

/** A sentence before the limit of sessions is reached; undefined while many are free. */
export function describeNearlyAll(
  used: number,
  limit: number,
  holder: () => Most | undefined,
): string | undefined {
  if (used < NEARLY_ALL * limit) return undefined;
  const most = holder();
  const whose = most ? `; ${most.name} has the most: ${most.has}` : '';
  return `${used} of ${limit} sessions are in use (broker.limits.sessions)${whose}`;
}

/** The one with the highest number; undefined where none has any. */
export function mostOf<Each>(
  all: Iterable<Each>,
  name: (each: Each) => string,
  has: (each: Each) => number,
): Most | undefined {
  let most: Each | undefined;
  let highest = 0;
  for (const each of all) {
    const number = has(each);
    if (number <= highest) continue;
    most = each;
    highest = number;
  }
  return most === undefined ? undefined : { name: name(most), has: highest };
}
