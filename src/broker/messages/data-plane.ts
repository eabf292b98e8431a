import type { Faults } from '../../base/faults.ts';
import type { TurnBudget } from '../../base/turn-budget.ts';
import { PUBACK_HEADER, PUBCOMP_HEADER, PUBREC_HEADER, type Qos } from '../../mqtt/codec.ts';
import { createMessage, type Message } from '../../queue/message.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { LimitKey } from '../stats/limit-troubles.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { type AbsentLimits, AbsentSessions } from './absent-sessions.ts';
import type { Client } from './client.ts';
import { checkControlCharacters, type TopicLimits } from './control-characters.ts';
import { FlowControl } from './flow-control.ts';
import type { LocalMessage } from './local-message.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { Publication, type Subscriber } from './publication.ts';
import { type RetainedLimits, RetainedMessages, recoverRetained, retain } from './retained.ts';
import { type Route, Router } from './router.ts';
import type { Session, SessionLimits } from './session.ts';
import { Sessions } from './sessions.ts';
import { setAside } from './set-aside.ts';
import { type SubscriptionLimits, Subscriptions } from './subscriptions.ts';

/** The message of an identifier that an older version has stored: only DUP says whether another one repeats it. */
const UNKNOWN_DIGEST = 0;

export interface DataPlaneParts {
  readonly store: Store;
  readonly limits: SessionLimits & RetainedLimits & SubscriptionLimits & AbsentLimits & TopicLimits;
  readonly drops: DropCounter;
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  /** In which long work is done. */
  readonly turnBudget: TurnBudget;
  /** So many stored subscriptions were shared ones, and are removed. */
  sharesRemoved(count: number): void;
  /** Ends the connection of a session's client. */
  disconnect(session: Session, reason: string): void;
  /** The session of an absent client has ended for this reason. */
  ended(clientId: string, reason: string): void;
  readonly faults: Faults;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
  /** Something was refused or dropped because of this limit. */
  reached(key: LimitKey): void;
  /** A client reads too slowly to hold up its publishers. */
  slow(clientId: string): void;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
}

/** Routes every message from its publisher to sessions, retained messages and the store, and acknowledges it. */
export class DataPlane {
  readonly router: Router;
  readonly retained = new RetainedMessages();
  readonly sessions: Sessions;
  readonly absent: AbsentSessions;
  readonly subscriptions: Subscriptions;
  readonly flow: FlowControl;
  /** PUBLISH packets from clients and messages from the gateway itself. */
  published = 0;
  readonly #parts: DataPlaneParts;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
    const { limits } = parts;
    const router = new Router((topic) => checkControlCharacters('topic', topic, limits));
    this.router = router;
    const { retained } = this;
    this.flow = new FlowControl(parts);
    const shared = {
      ...{ ...parts, router, retained },
      setAside: (message: Message, to: string, error: unknown) =>
        setAside(parts, message, to, error, null),
    };
    const sessions = new Sessions({ ...shared, flow: this.flow });
    const absent = new AbsentSessions({ ...parts, sessions });
    this.sessions = sessions;
    this.absent = absent;
    this.subscriptions = new Subscriptions({ ...shared, sessions, absent });
  }

  /** Restores the stored state: retained messages, sessions with their subscriptions and queues. */
  recover(): void {
    recoverRetained(this.retained, this.#parts.store, this.#parts.faults);
    this.sessions.recover();
  }

  /** A client's PUBLISH: its effects are in memory when this returns; it is acknowledged when they are on disk. */
  publish(client: Client, publication: Publication, packetId: number): void {
    const route = this.#route(publication);
    const { session } = client;
    if (session!.bridge) publication.from = session!;
    if (publication.retain) publication.publisher = client.session!.clientId;
    switch (publication.qos) {
      case 0:
        return this.#publishAtMostOnce(client, publication, route);
      case 1:
        this.#slowDown(client);
        return this.#publishAtLeastOnce(client, publication, route, packetId);
      case 2:
        this.#slowDown(client);
        return this.#publishExactlyOnce(client, publication, route, packetId);
    }
  }

  /** Finds the subscribers and decodes the topic; throws ProtocolError if it is not a topic name. */
  #route(publication: Publication): Route {
    const { source, topicStart, topicEnd } = publication;
    const route = this.router.find(source, topicStart + 2, topicEnd);
    publication.topic = route.topic;
    publication.receivers = route.subscribers.length;
    this.published++;
    return route;
  }

  /** Pauses reading from a client that publishes faster than the disk writes. */
  #slowDown(client: Client): void {
    const { journal } = this.#parts.store;
    if (!journal.congested) return;
    client.pauseReading('disk');
    journal.onceRelieved(() => client.resumeReading('disk'));
  }

  #publishAtMostOnce(client: Client, publication: Publication, route: Route): void {
    if (this.#authorise(client, route)) this.#deliverToSubscribers(publication, route, client);
  }

  #publishAtLeastOnce(
    client: Client,
    publication: Publication,
    route: Route,
    packetId: number,
  ): void {
    if (!this.#authorise(client, route)) {
      client.acknowledge(PUBACK_HEADER, packetId);
    } else if (route.persistent || publication.retain) {
      const pendingAck = client.ackWhenStored(PUBACK_HEADER, packetId);
      publication.pendingAck = pendingAck;
      this.#deliverToSubscribers(publication, route, client);
      pendingAck.done();
    } else {
      this.#deliverToSubscribers(publication, route, client);
      client.acknowledge(PUBACK_HEADER, packetId);
    }
  }

  /**
   * [MQTT 3.1.1, section 4.3.3, method B]: delivered when it comes, once until its identifier is released. A client that
   * has lost its state may use the identifier for another message, which is delivered too. DUP alone does not show
   * which it is: some clients repeat a message without it.
   */
  #publishExactlyOnce(
    client: Client,
    publication: Publication,
    route: Route,
    packetId: number,
  ): void {
    const session = client.session!;
    const { digest } = publication;
    const known = session.incoming.get(packetId);
    const repeated = known === digest || (known === UNKNOWN_DIGEST && publication.dup);
    const isDelivered = !repeated && this.#authorise(client, route);
    const isStored = isDelivered && (route.persistent || publication.retain);
    if (!session.persistent && !isStored) {
      session.incoming.set(packetId, digest);
      if (isDelivered) this.#deliverToSubscribers(publication, route, client);
      return client.acknowledge(PUBREC_HEADER, packetId);
    }
    const pendingAck = client.ackWhenStored(PUBREC_HEADER, packetId);
    if (session.persistent) {
      this.#parts.store.journal.add(['incoming', session.key, packetId, digest], pendingAck);
    }
    // After what may throw: else the message would count as a repetition when it comes again.
    session.incoming.set(packetId, digest);
    if (isDelivered) {
      publication.pendingAck = pendingAck;
      publication.held = session.persistent;
      if (publication.held) this.#deliverAfterCommit(publication, route, client);
      else this.#deliverToSubscribers(publication, route, client);
    }
    pendingAck.done();
  }

  /** Handles a client's PUBREL: PUBCOMP is sent when the release of the identifier is on disk. */
  release(client: Client, packetId: number): void {
    const session = client.session!;
    const known = session.incoming.delete(packetId);
    if (!session.persistent) {
      client.acknowledge(PUBCOMP_HEADER, packetId);
      return;
    }
    const { journal } = this.#parts.store;
    const pendingAck = client.ackWhenStored(PUBCOMP_HEADER, packetId);
    if (known) journal.add(['incomingDone', session.key, packetId]);
    // A repeated PUBREL finds the identifier deleted in memory, but maybe not yet on disk.
    journal.notifyAfterCommit(pendingAck);
    pendingAck.done();
  }

  /** A message that its client may not publish is dropped and counted, and still acknowledged [MQTT-3.3.5-2]. */
  #authorise({ session, access }: Client, { topic, reserved }: Route): boolean {
    if (!reserved && (!access || access.rights.mayPublish(topic))) return true;
    this.#parts.drops.count(session!.clientId, reserved ? 'reserved-topic' : 'not-authorised');
    return false;
  }

  /** `client` is the publisher, which may be held up; the gateway's own messages never wait. */
  #deliverToSubscribers(publication: Publication, route: Route, client?: Client): void {
    if (publication.retain) this.#retain(publication);
    const { subscribers, qos } = route;
    const { from } = publication;
    for (let i = 0; i < subscribers.length; i++) {
      try {
        // One barrier for all subscribers costs less than one for each.
        for (; i < subscribers.length; i++) {
          const subscriber = subscribers[i]!;
          if (subscriber === from) continue;
          subscriber.deliver(publication, Math.min(qos[i]!, publication.qos) as Qos);
          if (client) this.#holdFor(subscriber, client);
        }
      } catch (error) {
        this.#failed(publication, subscribers[i]!, error);
      }
    }
  }

  #retain(publication: Publication): void {
    try {
      retain(this.retained, publication, this.#parts);
    } catch (error) {
      const { pendingAck } = publication;
      setAside(this.#parts, publication.keep(), 'the retained messages', error, pendingAck);
    }
  }

  /** The delivery to one subscriber has failed. */
  #failed(publication: Publication, subscriber: Subscriber, error: unknown): void {
    const to = subscriber.label ?? 'a part of the gateway';
    setAside(this.#parts, publication.keep(), to, error, publication.pendingAck);
  }

  #holdFor({ backlogged }: Subscriber, client: Client): void {
    if (backlogged) this.flow.hold(client, backlogged);
  }

  /**
   * The message is added to the queues of persistent sessions immediately, and held until it is on disk; other subscribers
   * get it then. If it were sent earlier, a crash could make the publisher repeat it, and they would receive it twice.
   */
  #deliverAfterCommit(publication: Publication, route: Route, client: Client): void {
    if (publication.retain) this.#retain(publication);
    const { topic, qos, retain: retained, from } = publication;
    const { faults } = this.#parts;
    const all = route.subscribers
      .map((subscriber, i) => ({ subscriber, granted: Math.min(route.qos[i]!, qos) as Qos }))
      .filter(({ subscriber }) => subscriber !== from);
    const deliver = (each: (typeof all)[number], given: Publication): void => {
      each.subscriber.deliver(given, each.granted);
      this.#holdFor(each.subscriber, client);
    };
    const isStored = ({ subscriber, granted }: (typeof all)[number]): boolean =>
      subscriber.persistent && granted > 0;
    faults.each(
      all.filter(isStored),
      (each) => deliver(each, publication),
      ({ subscriber }, error) => this.#failed(publication, subscriber, error),
    );
    const later = all.filter((each) => !isStored(each));
    if (later.length === 0) return;
    const message = publication.keep().copy();
    const committed = new PendingAck(() => {
      const again = new Publication();
      faults.each(
        later,
        (each) => deliver(each, again.of(message, topic, qos, retained)),
        ({ subscriber }, error) => this.#failed(again, subscriber, error),
      );
    });
    this.#parts.store.journal.notifyAfterCommit(committed, true);
    committed.done();
  }

  /** Publishes a will: its queue entries and retained message share a commit with all that is added in this turn. */
  publishWill({ topic, payload, qos, retain: retained }: LocalMessage, clientId: string): void {
    this.published++;
    const publication = new Publication().of(createMessage(topic, payload), topic, qos, retained);
    publication.publisher = clientId;
    publication.held = true;
    publication.pendingAck = new PendingAck(() => undefined);
    this.#deliverToSubscribers(publication, this.router.route(topic));
    publication.pendingAck.done();
  }

  /** Publishes for the gateway itself; resolves when the message is in all its places on disk, at QoS 0 immediately. */
  publishLocal(message: LocalMessage): Promise<void> {
    const { topic, payload, qos } = message;
    this.published++;
    const route = this.router.route(topic);
    const body = createMessage(topic, payload);
    const publication = new Publication().of(body, topic, qos, message.retain);
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
}
