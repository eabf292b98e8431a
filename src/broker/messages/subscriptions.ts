import type { Rights } from '../../access/rules.ts';
import {
  encodeSuback,
  type Qos,
  SUBACK_FAILURE,
  type SubscribePacket,
  UNSUBACK_HEADER,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import type { Store } from '../../store/store.ts';
import type { Client } from './client.ts';
import type { LocalMessage } from './local-message.ts';
import type { Subscriber } from './publication.ts';
import type { Retained, RetainedMessages } from './retained.ts';
import type { Router } from './router.ts';
import type { Session } from './session.ts';

export interface SubscriptionsParts {
  readonly store: Store;
  readonly router: Router;
  readonly retained: RetainedMessages;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
}

/** The most subscriptions of one client, and of all clients together. */
const SUBSCRIPTIONS = 10_000;
const ALL_SUBSCRIPTIONS = 100_000;

const NOT_ALLOWED = 'not allowed by the access file';

/** The subscriptions of clients and of the gateway itself, and the retained messages that clients get with theirs. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  /** Handles a client's SUBSCRIBE: SUBACK and then the retained messages are sent when the subscriptions are on disk. */
  subscribe(client: Client, packet: SubscribePacket): void {
    const session = client.session!;
    const { store, router, retained, refused } = this.#parts;
    // The present messages: later ones reach the session through the subscription.
    const feeds: { matching: readonly Retained[]; qos: Qos }[] = [];
    const pendingAck = client.doWhenStored(() => {
      client.sendBuffer.write(encodeSuback(packet.packetId, codes));
      for (const { matching, qos } of feeds) feedRetained(session, matching, qos);
    });
    const codes = packet.requests.map(({ filter, qos }) => {
      const reason = this.#whyRefused(client, filter);
      if (reason !== undefined) {
        refused(session.clientId, reason);
        return SUBACK_FAILURE;
      }
      session.subscriptions.set(filter, qos);
      router.subscribe(filter, session, qos);
      const matching = retained.match(filter);
      if (session.persistent) {
        store.journal.add(['subscribe', session.key, filter, qos], pendingAck);
        enqueueRetained(session, matching, qos, true);
      }
      if (matching.length > 0) feeds.push({ matching, qos });
      return qos;
    });
    pendingAck.done();
  }

  /** Why a filter is refused: it matches topics that the client may not read, or there are too many filters. */
  #whyRefused({ session, access }: Client, filter: string): string | undefined {
    const { subscriptions } = session!;
    if (access && !access.rights.maySubscribe(filter)) return NOT_ALLOWED;
    if (subscriptions.has(filter)) return undefined;
    const { count } = this.#parts.router;
    const tooMany = subscriptions.size >= SUBSCRIPTIONS || count >= ALL_SUBSCRIPTIONS;
    return tooMany ? 'too many filters' : undefined;
  }

  /** Handles a client's UNSUBSCRIBE: UNSUBACK is sent when the change is on disk. */
  unsubscribe(client: Client, packet: UnsubscribePacket): void {
    const session = client.session!;
    const { journal } = this.#parts.store;
    const pendingAck = client.ackWhenStored(UNSUBACK_HEADER, packet.packetId);
    for (const filter of packet.filters) this.#end(session, filter);
    // Also if nothing has changed: an UNSUBSCRIBE of an earlier connection may not be on disk yet.
    if (session.persistent) journal.notifyAfterCommit(pendingAck);
    pendingAck.done();
  }

  /** Ends the subscriptions that these rights do not allow. */
  revokeSubscriptions(session: Session, rights: Rights): void {
    for (const filter of [...session.subscriptions.keys()]) {
      if (rights.maySubscribe(filter)) continue;
      this.#end(session, filter);
      this.#parts.refused(session.clientId, NOT_ALLOWED);
    }
  }

  #end(session: Session, filter: string): void {
    if (!session.subscriptions.delete(filter)) return;
    const { store, router } = this.#parts;
    router.unsubscribe(filter, session);
    if (session.persistent) store.journal.add(['unsubscribe', session.key, filter]);
  }

  /** Calls a part of the gateway with every message that the filter matches, until the returned function is called. */
  subscribeLocal(filter: string, receive: (message: LocalMessage) => void): () => void {
    const { router } = this.#parts;
    const subscriber: Subscriber = {
      persistent: false,
      backlogged: undefined,
      deliver({ source, topic, payloadStart, end }, qos) {
        const payload = new Uint8Array(source.subarray(payloadStart, end));
        receive({ topic, payload, qos, retain: false });
      },
    };
    router.subscribe(filter, subscriber, 2);
    return () => router.unsubscribe(filter, subscriber);
  }
}

/** Adds the retained messages of QoS 1 and 2 to the session's queue; `held` until the subscription is on disk. */
function enqueueRetained(
  session: Session,
  matching: readonly Retained[],
  qos: Qos,
  held: boolean,
): void {
  if (qos === 0) return;
  for (const retained of matching) {
    const granted = Math.min(qos, retained.qos) as Qos;
    if (granted > 0) session.deliverRetained(retained, granted as 1 | 2, held);
  }
}

/** Messages replaced since the subscription are left out: the session has received the newer ones. */
function feedRetained(session: Session, matching: readonly Retained[], qos: Qos): void {
  const current = matching.filter((each) => each.current);
  // A persistent session got these messages with the subscription.
  if (!session.persistent) enqueueRetained(session, current, qos, false);
  const atMostOnce = current.filter((each) => Math.min(qos, each.qos) === 0);
  if (atMostOnce.length > 0) session.feed(atMostOnce);
}
