import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { Publication } from './publication.ts';
import { isKept } from './reserved-topics.ts';
import type { RetainedMessages } from './retained.ts';
import type { Retained } from './retained-walk.ts';

export interface RetainParts {
  readonly store: Pick<Store, 'journal'>;
  readonly limits: RetainedLimits;
  readonly drops: DropCounter;
  /** Something was dropped because of this limit. */
  reached(key: keyof RetainedLimits): void;
}

export interface RetainedLimits {
  /** Of all clients together, and of one. */
  readonly retainedMessages: number;
  readonly retainedMessagesPerClient: number;
  readonly retainedBytes: number;
  readonly retainedBytesPerClient: number;
}

/**
 * Keeps the publication as its topic's retained message, in memory and on disk; an empty payload deletes the present one
 * [MQTT-3.3.1-10]. Above the limits it is dropped and counted.
 */
export function retain(
  retained: RetainedMessages,
  publication: Publication,
  { store, limits, drops, reached }: RetainParts,
): void {
  const { topic, qos } = publication;
  const pendingAck = publication.pendingAck ?? undefined;
  if (publication.payloadStart === publication.end) {
    const existed = retained.delete(topic);
    if (existed || pendingAck) store.journal.retain(topic, pendingAck);
    return;
  }
  const kept = publication.keep();
  const { body } = kept;
  const before = retained.get(topic);
  const { publisher } = publication;
  const limit = publication.own
    ? undefined
    : limitReached(retained, before, publisher, body.length, limits);
  if (limit) {
    reached(limit);
    drops.count(publisher, 'retained-full');
    // The message that it would have replaced is no longer true.
    if (retained.delete(topic)) store.journal.retain(topic, pendingAck);
    return;
  }
  // Another Message, because the publisher's pendingAck must not live as long as the retained message.
  retained.set(topic, qos, kept.copy(), publisher);
  if (isKept(topic)) store.journal.retain(topic, pendingAck);
}

const NO_SHARE = { count: 0, bytes: 0 };

/** The limit that a client's message of so many bytes does not fit in. */
function limitReached(
  retained: RetainedMessages,
  before: Retained | undefined,
  publisher: string,
  bytes: number,
  limits: RetainedLimits,
): keyof RetainedLimits | undefined {
  if (!before && retained.count >= limits.retainedMessages) return 'retainedMessages';
  const own = retained.byPublisher.get(publisher) ?? NO_SHARE;
  const growth = bytes - (before?.message.body.length ?? 0);
  const isOwn = before?.publisher === publisher;
  if (!isOwn && own.count >= limits.retainedMessagesPerClient) return 'retainedMessagesPerClient';
  if (own.bytes + (isOwn ? growth : bytes) > limits.retainedBytesPerClient) {
    return 'retainedBytesPerClient';
  }
  return retained.bytes + growth > limits.retainedBytes ? 'retainedBytes' : undefined;
}
