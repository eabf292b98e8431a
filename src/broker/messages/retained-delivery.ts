import type { Qos } from '../../mqtt/codec.ts';
import { IDENTIFIER_BYTES, NO_IDENTIFIERS } from '../../queue/entry-extras.ts';
import type { Message } from '../../queue/message.ts';
import { type Grant, Publication } from './publication.ts';
import type { RetainedMessages } from './retained.ts';
import type { Subscribed } from './retained-feed.ts';
import type { Retained } from './retained-walk.ts';
import type { Session } from './session.ts';

/** Topic levels that are visited in one part of the work. */
const STEP = 200;

export interface RetainedDeliveryParts {
  readonly session: Session;
  readonly retained: RetainedMessages;
  /** Those with the highest QoS first: a message that several filters match is queued once. */
  readonly subscribed: readonly Subscribed[];
  /** They may not be sent before they are on disk. */
  readonly held: boolean;
  /** Moves a message that can't be delivered to the refused messages. */
  setAside(message: Message, to: string, error: unknown): void;
}

/**
 * Queues the retained messages of QoS 1 and 2 that subscriptions asked for, in parts. Left out are those that wait
 * already and those that were replaced meanwhile: the session was sent what replaced them.
 */
export function* enqueueRetained(
  parts: RetainedDeliveryParts,
): Generator<Promise<void> | undefined, void> {
  const { session, retained, subscribed, held } = parts;
  for (const { filter, qos, upTo, grant, isAllowed } of subscribed) {
    if (qos > 0 && !retained.isComplete(filter)) yield retained.restored;
    const walk = qos > 0 ? retained.walk(filter, upTo) : undefined;
    while (walk && !walk.isDone) {
      yield* session.copies.find(retained);
      // The right may have ended meanwhile.
      if (!isAllowed()) break;
      for (const each of walk.take(STEP)) {
        const granted = Math.min(qos, each.qos) as Qos;
        if (granted === 0 || !each.current) continue;
        try {
          deliverRetained(session, each, granted as 1 | 2, held, grant);
        } catch (error) {
          parts.setAside(each.message, session.label, error);
        }
      }
      yield;
    }
  }
}

/**
 * A retained message at QoS 1 or 2 that a subscription asked for; `held` until the subscription is on disk. It is not
 * queued where it waits already, and drops no other message where the queue is full.
 */
function deliverRetained(
  session: Session,
  retained: Retained,
  qos: 1 | 2,
  held: boolean,
  grant: Grant | null,
): void {
  const { copies, queue, deliveries, flow } = session;
  const identifiers = grant?.identifiers ?? NO_IDENTIFIERS;
  // Before MQTT 5 a client is sent no identifiers.
  const identifier = session.link?.protocol5 ? (identifiers[0] ?? 0) : undefined;
  if (copies.has(retained, identifier) || queue.hasExpired(retained.message)) return;
  const size = retained.message.body.length + identifiers.length * IDENTIFIER_BYTES;
  if (!queue.hasRoom(size)) return session.drop('queue-full');
  const { lastSeq } = deliveries;
  const publication = new Publication().of(retained.message, retained.topic, qos, true);
  publication.grant = grant;
  session.enqueue(publication, qos, true, held || (session.persistent && qos === 2));
  if (deliveries.lastSeq > lastSeq) copies.add(retained, deliveries.lastSeq, identifiers);
  // Its publishers have not made this queue long.
  flow.begin(queue);
}
