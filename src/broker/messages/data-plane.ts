import type { Rights } from '../../access/rules.ts';
import {
  encodeSuback,
  PUBACK_HEADER,
  PUBCOMP_HEADER,
  PUBREC_HEADER,
  type Qos,
  SUBACK_FAILURE,
  type SubscribePacket,
  UNSUBACK_HEADER,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import { Message } from '../../queue/queue-entry.ts';
import type { Store } from '../../store/store.ts';
import type { Connection } from '../clients/connection.ts';
import type { MemoryBudget } from '../clients/memory-budget.ts';
import type { TrafficCounters } from '../clients/traffic-counters.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import { createMessage, Publication, type Subscriber } from './publication.ts';
import { type Retained, RetainedMessages } from './retained.ts';
import { type Route, Router } from './router.ts';
import { type DropReason, Session, type SessionLimits } from './session.ts';

/** A message that the gateway itself publishes. */
export interface LocalMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  /** It came from a plant: no uplink sends it out again. */
  readonly inbound?: boolean;
}

/** A message as a part of the gateway receives it; the payload is its own. */
export type ReceivedMessage = LocalMessage;

export interface DataPlaneParts {
  readonly store: Store;
  readonly limits: SessionLimits & {
    readonly retainedMessages: number;
    readonly retainedBytes: number;
  };
  readonly drops: DropCounter;
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
  /** Milliseconds that never jump and go on over restarts. */
  now(): number;
}

/** Begins the session names of the gateway's own parts: a client id can't hold it [MQTT-1.5.3-2]. */
export const OWN_SESSION = '\0';

/** Subscriptions of one client, and of all together. */
const SUBSCRIPTIONS = 10_000;
const ALL_SUBSCRIPTIONS = 100_000;

const NOT_ALLOWED = 'not allowed by the access file';

/** Stands for the time when a client was last seen while it is connected. */
const CONNECTED = 0;

/** Topics that belong to the gateway: a client's messages on them go nowhere. */
const RESERVED = '$SYS/';

/** The way of every message: from its publisher over the route to sessions, retained messages and the store. */
export class DataPlane {
  readonly sessions = new Map<string, Session>();
  readonly retained = new RetainedMessages();
  readonly router = new Router();
  /** PUBLISH packets from clients and messages from the gateway itself. */
  published = 0;
  readonly #parts: DataPlaneParts;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
  }

  /** Takes up what the store has found: retained messages, sessions with their subscriptions and queues. */
  recover(): void {
    const { recovered } = this.#parts.store;
    for (const { topic, qos, payload } of recovered.retained) {
      this.retained.set(topic, qos, createMessage(topic, payload));
    }
    this.#parts.store.readRetainedFrom((topic) => {
      const retained = this.retained.get(topic);
      if (!retained) return undefined;
      const { body, topicEnd } = retained.message;
      return { qos: retained.qos, payload: new Uint8Array(body.subarray(topicEnd)) };
    });
    for (const stored of recovered.sessions) {
      if (stored.clientId.startsWith(OWN_SESSION)) continue;
      const session = this.#createSession(stored.clientId, stored.key, true, stored);
      for (const packetId of stored.incoming) session.incoming.add(packetId);
      for (const { filter, qos } of stored.subscriptions) {
        session.subscriptions.set(filter, qos);
        this.router.subscribe(filter, session, qos);
      }
    }
  }

  /** The session belongs to the user from now on. */
  setOwner(session: Session, user: string): void {
    if (session.owner === user) return;
    session.owner = user;
    if (session.persistent) this.#parts.store.journal.add(['sessionOwner', user, session.key]);
  }

  /** Ends the subscriptions that the client may not have any more. */
  revokeSubscriptions(session: Session, rights: Rights): void {
    for (const filter of [...session.subscriptions.keys()]) {
      if (rights.maySubscribe(filter)) continue;
      this.#unsubscribe(session, filter);
      this.#parts.refused(session.clientId, NOT_ALLOWED);
    }
  }

  #unsubscribe(session: Session, filter: string): void {
    if (!session.subscriptions.delete(filter)) return;
    this.router.unsubscribe(filter, session);
    if (session.persistent) {
      this.#parts.store.journal.add(['unsubscribe', session.key, filter]);
    }
  }

  /** The session of a client that connects [MQTT-3.1.2-4 to 3.1.2-6]; `present` goes into its CONNACK. */
  openSession(clientId: string, clean: boolean): { session: Session; present: boolean } {
    const before = this.sessions.get(clientId);
    const { store, now } = this.#parts;
    if (before?.persistent && !clean) {
      before.awaySince = now();
      store.journal.add(['sessionSeen', CONNECTED, before.key]);
      return { session: before, present: true };
    }
    if (before) this.endSession(before);
    // A clean session is never stored: it needs no number.
    const session = this.#createSession(clientId, clean ? 0 : store.takeSessionKey(), !clean);
    if (!clean) store.journal.add(['openSession', session.key, clientId, CONNECTED]);
    return { session, present: false };
  }

  #createSession(
    clientId: string,
    key: number,
    persistent: boolean,
    stored?: ConstructorParameters<typeof Session>[4],
  ): Session {
    const { store, limits, drops, memory, traffic, now } = this.#parts;
    const parts = {
      journal: store.journal,
      limits,
      memory,
      load: (owner: number, seq: number, limit: number) => store.load(owner, seq, limit),
      now,
      dropped: (session: Session, reason: string, count: number) =>
        drops.count(session.clientId, reason, count),
      delivered: (ms: number) => traffic.delivery.observe(ms),
    };
    const session = new Session(parts, clientId, key, persistent, stored);
    this.sessions.set(clientId, session);
    return session;
  }

  /** The client's connection is gone: a clean session goes with it. */
  clientGone(session: Session): void {
    session.disconnect();
    if (!session.persistent) this.endSession(session);
    else if (!session.ended) {
      this.#parts.store.journal.add(['sessionSeen', this.#parts.now(), session.key]);
    }
  }

  /** Forgets the session, its subscriptions and all that waits for it, which is counted where there is a reason. */
  endSession(session: Session, reason?: DropReason): void {
    session.end(reason);
    for (const filter of session.subscriptions.keys()) this.router.unsubscribe(filter, session);
    if (session.persistent) this.#parts.store.journal.add(['endSession', session.key]);
    if (this.sessions.get(session.clientId) === session) this.sessions.delete(session.clientId);
  }

  /** A client's PUBLISH: its effects are in memory when this returns, its acknowledgement follows the disk. */
  publish(connection: Connection, publication: Publication, packetId: number): void {
    const route = this.router.find(
      publication.source,
      publication.topicStart + 2,
      publication.topicEnd,
    );
    publication.topic = route.topic;
    this.published++;
    const { qos } = publication;
    if (qos === 0) {
      if (!this.#isRefused(connection, route.topic)) this.#deliverToSubscribers(publication, route);
      return;
    }
    const { journal } = this.#parts.store;
    if (journal.congested) {
      connection.pauseReading('disk');
      journal.onceRelieved(() => connection.resumeReading('disk'));
    }
    if (qos === 2) return this.#publishOnce(connection, publication, route, packetId);
    if (this.#isRefused(connection, route.topic)) {
      connection.acknowledge(PUBACK_HEADER, packetId);
    } else if (route.persistent || publication.retain) {
      publication.pendingAck = connection.ackWhenStored(PUBACK_HEADER, packetId);
      this.#deliverToSubscribers(publication, route);
      publication.pendingAck.done();
    } else {
      this.#deliverToSubscribers(publication, route);
      connection.acknowledge(PUBACK_HEADER, packetId);
    }
  }

  /** QoS 2 [MQTT 3.1.1, section 4.3.3, method B]: spread when it comes, once until its identifier is released. */
  #publishOnce(
    connection: Connection,
    publication: Publication,
    route: Route,
    packetId: number,
  ): void {
    const session = connection.session!;
    const pendingAck = connection.ackWhenStored(PUBREC_HEADER, packetId);
    const known = session.incoming.has(packetId);
    session.incoming.add(packetId);
    if (session.persistent) {
      this.#parts.store.journal.add(['incoming', session.key, packetId], pendingAck);
    }
    if (!known && !this.#isRefused(connection, route.topic)) {
      publication.pendingAck = pendingAck;
      publication.held = session.persistent;
      if (publication.held) this.#deliverAfterCommit(publication, route);
      else this.#deliverToSubscribers(publication, route);
    }
    pendingAck.done();
  }

  /** PUBREL: the identifier may be used anew once that is on disk. */
  release(connection: Connection, packetId: number): void {
    const session = connection.session!;
    const known = session.incoming.delete(packetId);
    if (!session.persistent) {
      connection.acknowledge(PUBCOMP_HEADER, packetId);
      return;
    }
    const { journal } = this.#parts.store;
    const pendingAck = connection.ackWhenStored(PUBCOMP_HEADER, packetId);
    if (known) journal.add(['incomingDone', session.key, packetId]);
    // A PUBREL sent again finds the identifier gone in memory, and maybe not yet on disk.
    journal.notifyAfterCommit(pendingAck);
    pendingAck.done();
  }

  /** What a client may not publish is dropped and counted; it is acknowledged all the same [MQTT-3.3.5-2]. */
  #isRefused({ session, access }: Connection, topic: string): boolean {
    const reserved = topic.startsWith(RESERVED);
    if (!reserved && (!access || access.rights.mayPublish(topic))) return false;
    this.#parts.drops.count(session!.clientId, reserved ? 'reserved-topic' : 'not-authorised');
    return true;
  }

  #deliverToSubscribers(publication: Publication, route: Route): void {
    if (publication.retain) this.#retain(publication);
    const { subscribers, qos } = route;
    for (let i = 0; i < subscribers.length; i++) {
      subscribers[i]!.deliver(publication, Math.min(qos[i]!, publication.qos) as Qos);
    }
  }

  /**
   * Persistent sessions have it in their queues at once, held back until it is on disk; the others get it then.
   * Before that a crash could make the publisher send it again, and them receive it twice.
   */
  #deliverAfterCommit(publication: Publication, route: Route): void {
    if (publication.retain) this.#retain(publication);
    const { topic, qos } = publication;
    const later: { subscriber: Subscriber; granted: Qos }[] = [];
    route.subscribers.forEach((subscriber, i) => {
      const granted = Math.min(route.qos[i]!, qos) as Qos;
      if (subscriber.persistent && granted > 0) subscriber.deliver(publication, granted);
      else later.push({ subscriber, granted });
    });
    if (later.length === 0) return;
    const kept = publication.keep();
    const message = new Message(kept.body, kept.topicEnd);
    const landed = new PendingAck(() => {
      const spread = new Publication();
      for (const { subscriber, granted } of later) {
        subscriber.deliver(spread.of(message, topic, qos, false), granted);
      }
    });
    this.#parts.store.journal.notifyAfterCommit(landed, true);
    landed.done();
  }

  #retain(publication: Publication): void {
    const { topic, qos } = publication;
    const { store, limits, drops } = this.#parts;
    const pendingAck = publication.pendingAck ?? undefined;
    if (publication.payloadStart === publication.end) {
      const had = this.retained.delete(topic);
      if (had || pendingAck) store.journal.retain(topic, pendingAck);
      return;
    }
    const { body, topicEnd } = publication.keep();
    const before = this.retained.get(topic);
    const grows = body.length - (before?.message.body.length ?? 0);
    if (
      !publication.own &&
      ((!before && this.retained.count >= limits.retainedMessages) ||
        this.retained.bytes + grows > limits.retainedBytes)
    ) {
      drops.count(topic, 'retained-full');
      // What it would have replaced is not true any more.
      if (this.retained.delete(topic)) store.journal.retain(topic, pendingAck);
      return;
    }
    // A message of its own: the publisher's pendingAck must not live as long as the retained value.
    this.retained.set(topic, qos, new Message(body, topicEnd));
    if (!topic.startsWith(RESERVED)) store.journal.retain(topic, pendingAck);
  }

  /** A will's entries and retained value go into one commit with whatever else is handed in in this turn. */
  publishWill({ topic, payload, qos, retain }: LocalMessage): void {
    this.published++;
    const publication = new Publication().of(createMessage(topic, payload), topic, qos, retain);
    publication.held = true;
    publication.pendingAck = new PendingAck(() => undefined);
    this.#deliverToSubscribers(publication, this.router.route(topic));
    publication.pendingAck.done();
  }

  /** Resolves when all that the message owes is on disk; at QoS 0 nothing is owed. */
  publishLocal(message: LocalMessage): Promise<void> {
    const { topic, payload, qos, retain } = message;
    this.published++;
    const route = this.router.route(topic);
    const publication = new Publication().of(createMessage(topic, payload), topic, qos, retain);
    publication.own = true;
    publication.inbound = message.inbound ?? false;
    if (qos === 0) {
      this.#deliverToSubscribers(publication, route);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      publication.pendingAck = new PendingAck(resolve);
      this.#deliverToSubscribers(publication, route);
      publication.pendingAck.done();
    });
  }

  subscribe(connection: Connection, packet: SubscribePacket): void {
    const session = connection.session!;
    const { persistent } = session;
    // As they stand with the subscription: what is published later reaches the session on its own.
    const feeds: { retained: readonly Retained[]; qos: Qos }[] = [];
    const pendingAck = connection.doWhenStored(() => {
      connection.sendBuffer.write(encodeSuback(packet.packetId, codes));
      for (const { retained, qos } of feeds) this.#feedRetained(session, retained, qos);
    });
    const codes = packet.requests.map(({ filter, qos }) => {
      const reason = this.#whyRefused(connection, filter);
      if (reason !== undefined) {
        this.#parts.refused(session.clientId, reason);
        return SUBACK_FAILURE;
      }
      session.subscriptions.set(filter, qos);
      this.router.subscribe(filter, session, qos);
      const retained = this.retained.match(filter);
      if (persistent) {
        this.#parts.store.journal.add(['subscribe', session.key, filter, qos], pendingAck);
        this.#enqueueRetained(session, retained, qos, true);
      }
      if (retained.length > 0) feeds.push({ retained, qos });
      return qos;
    });
    pendingAck.done();
  }

  /** The client may not read all that the filter matches, or it would take more memory than one or all may have. */
  #whyRefused({ session, access }: Connection, filter: string): string | undefined {
    const { subscriptions } = session!;
    if (access && !access.rights.maySubscribe(filter)) return NOT_ALLOWED;
    if (subscriptions.has(filter)) return undefined;
    const many = subscriptions.size >= SUBSCRIPTIONS || this.router.count >= ALL_SUBSCRIPTIONS;
    return many ? 'too many filters' : undefined;
  }

  /** Retained messages that are sent at QoS 1 or 2 join a persistent session's queue with the subscription itself. */
  #enqueueRetained(session: Session, matching: readonly Retained[], qos: Qos, held: boolean): void {
    if (qos === 0) return;
    for (const retained of matching) {
      const granted = Math.min(qos, retained.qos) as Qos;
      if (granted > 0) session.deliverRetained(retained, granted as 1 | 2, held);
    }
  }

  /** What was replaced since the subscription is not sent: the session was sent what replaced it. */
  #feedRetained(session: Session, matching: readonly Retained[], qos: Qos): void {
    const current = matching.filter((each) => each.current);
    if (!session.persistent) this.#enqueueRetained(session, current, qos, false);
    const once = current.filter((each) => Math.min(qos, each.qos) === 0);
    if (once.length > 0) session.feed(once);
  }

  unsubscribe(connection: Connection, packet: UnsubscribePacket): void {
    const session = connection.session!;
    const { journal } = this.#parts.store;
    const pendingAck = connection.ackWhenStored(UNSUBACK_HEADER, packet.packetId);
    for (const filter of packet.filters) this.#unsubscribe(session, filter);
    // Also where nothing was left to do: what an earlier connection asked for may still wait for the disk.
    if (session.persistent) journal.notifyAfterCommit(pendingAck);
    pendingAck.done();
  }

  /** Hands the gateway itself every message that the filter matches, until the returned function is called. */
  subscribeLocal(filter: string, receive: (message: ReceivedMessage) => void): () => void {
    const subscriber: Subscriber = {
      persistent: false,
      deliver({ source, topic, payloadStart, end }, qos) {
        receive({
          topic,
          payload: new Uint8Array(source.subarray(payloadStart, end)),
          qos,
          retain: false,
        });
      },
    };
    this.router.subscribe(filter, subscriber, 2);
    return () => this.router.unsubscribe(filter, subscriber);
  }
}
