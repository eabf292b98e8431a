import type { Rights } from '../../access/rules.ts';
import {
  encodeSuback,
  type Qos,
  SUBACK_FAILURE,
  type SubscribePacket,
  UNSUBACK_HEADER,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';
import type { Client } from './client.ts';
import type { LocalMessage } from './local-message.ts';
import type { Subscriber } from './publication.ts';
import type { Retained, RetainedMessages } from './retained.ts';
import { enqueueRetained, feedRetained } from './retained-delivery.ts';
import type { Router } from './router.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import { filterPath, hasDeepWildcard } from './tree-levels.ts';

export interface SubscriptionsParts {
  readonly store: Store;
  readonly router: Router;
  readonly retained: RetainedMessages;
  readonly sessions: Pick<Sessions, 'byClientId' | 'endSession'>;
  readonly limits: SubscriptionLimits;
  /** A subscription was refused, or a session has ended, because of this limit. */
  reached(key: 'subscriptions' | 'subscriptionsPerClient'): void;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
}

/** Of all together, those with a wildcard beyond the 128th level, which are compared one by one. */
const DEEP_WILDCARDS = 50;

/** Begins the filters of shared subscriptions [MQTT 5, section 4.8.2]. */
const SHARED = '$share/';
export interface SubscriptionLimits {
  /** Of all sessions together, and of one. */
  readonly subscriptions: number;
  readonly subscriptionsPerClient: number;
  /** Whether the absent session with the most subscriptions ends where there is no room. */
  readonly absentSessions: 'end-largest' | 'keep';
}

const TOO_MANY = 'too many filters';
const NOT_ALLOWED = 'not allowed by the access file';

/** The subscriptions of clients and of the gateway itself, and the retained messages that clients get with theirs. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  /** How many subscriptions of a client have retained messages that are still to be queued. */
  readonly #enqueuing = new Map<Client, number>();

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
      for (const { matching, qos } of feeds) {
        if (!session.persistent) this.#enqueue(client, matching, qos);
        feedRetained(session, matching, qos);
      }
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
      }
      if (matching.length > 0) feeds.push({ matching, qos });
      return qos;
    });
    // A message that several filters match is queued once, at the highest QoS.
    feeds.sort((a, b) => b.qos - a.qos);
    // Before the SUBACK: a persistent session has these on disk together with its subscriptions.
    if (session.persistent) {
      for (const { matching, qos } of feeds) this.#enqueue(client, matching, qos, pendingAck);
    }
    pendingAck.done();
  }

  /** Queues retained messages; `pendingAck` waits for that. The client is not read while it takes several turns. */
  #enqueue(client: Client, matching: readonly Retained[], qos: Qos, pendingAck?: PendingAck): void {
    const session = client.session!;
    const { retained } = this.#parts;
    const held = pendingAck !== undefined;
    pendingAck?.add();
    this.#enqueuing.set(client, (this.#enqueuing.get(client) ?? 0) + 1);
    enqueueRetained({ session, retained, matching, qos, held }, () => {
      const left = this.#enqueuing.get(client)! - 1;
      if (left > 0) this.#enqueuing.set(client, left);
      else {
        this.#enqueuing.delete(client);
        client.resumeReading('retained');
      }
      pendingAck?.done();
    });
    if (this.#enqueuing.has(client)) client.pauseReading('retained');
  }

  /** Refused are shared subscriptions, filters that match what the client may not read, and too many filters. */
  #whyRefused({ session, access }: Client, filter: string): string | undefined {
    const { subscriptions } = session!;
    // If it were granted, it would never receive a message.
    if (filter.startsWith(SHARED)) return 'shared subscriptions ($share/…) are not supported';
    if (access && !access.rights.maySubscribe(filter)) return NOT_ALLOWED;
    if (subscriptions.has(filter)) return undefined;
    const { deepWildcards } = this.#parts.router;
    if (deepWildcards >= DEEP_WILDCARDS && hasDeepWildcard(filterPath(filter))) {
      return 'too many filters with wildcards beyond level 128';
    }
    const { router, limits, reached } = this.#parts;
    if (subscriptions.size >= limits.subscriptionsPerClient) {
      reached('subscriptionsPerClient');
      return TOO_MANY;
    }
    if (router.count < limits.subscriptions) return undefined;
    reached('subscriptions');
    if (limits.absentSessions === 'end-largest') this.#endLargestAbsent();
    return router.count < limits.subscriptions ? undefined : TOO_MANY;
  }

  /** The absent client learns it when it connects: its session is not present. What its queue had is counted. */
  #endLargestAbsent(): void {
    const { sessions, refused } = this.#parts;
    let largest: Session | undefined;
    for (const session of sessions.byClientId.values()) {
      if (session.online || session.opening) continue;
      if (session.subscriptions.size > (largest?.subscriptions.size ?? 0)) largest = session;
    }
    if (!largest) return;
    sessions.endSession(largest, 'session-cut');
    refused(largest.clientId, 'absent, with the most subscriptions: its session has ended');
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
    const subscriber: Subscriber = {
      persistent: false,
      backlogged: undefined,
      deliver({ source, topic, payloadStart, end }, qos) {
        const payload = new Uint8Array(source.subarray(payloadStart, end));
        receive({ topic, payload, qos, retain: false });
      },
    };
    return this.#attach(filter, subscriber);
  }

  /** Calls back with every message of the topic, until the returned function is called. */
  watch(topic: string, published: () => void): () => void {
    return this.#attach(topic, { persistent: false, backlogged: undefined, deliver: published });
  }

  #attach(filter: string, subscriber: Subscriber): () => void {
    const { router } = this.#parts;
    router.subscribe(filter, subscriber, 2);
    return () => router.unsubscribe(filter, subscriber);
  }
}
