import type { Faults } from '../../base/faults.ts';
import type { TurnBudget } from '../../base/turn-budget.ts';
import { PUBACK_HEADER, PUBCOMP_HEADER, PUBREC_HEADER } from '../../mqtt/codec.ts';
import {
  NO_MATCHING_SUBSCRIBERS,
  NOT_AUTHORIZED,
  PACKET_ID_NOT_FOUND,
  SUCCESS,
} from '../../mqtt/reason-codes.ts';
import { createMessage, type Message } from '../../queue/message.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { LimitKey } from '../stats/limit-troubles.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import { type AbsentLimits, AbsentSessions, type WaitingWills } from './absent-sessions.ts';
import { Answers } from './answers.ts';
import type { Client } from './client.ts';
import { checkControlCharacters, type TopicLimits } from './control-characters.ts';
import { Delivery } from './delivery.ts';
import { FlowControl } from './flow-control.ts';
import type { LocalMessage } from './local-message.ts';
import { LocalSubscriptions } from './local-subscriptions.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { Publication } from './publication.ts';
import type { RetainedLimits } from './retain.ts';
import { RetainedMessages, recoverRetained } from './retained.ts';
import type { Route } from './route.ts';
import { Router } from './router.ts';
import type { Session } from './session.ts';
import type { SessionLimits } from './session-parts.ts';
import { Sessions } from './sessions.ts';
import { setAside } from './set-aside.ts';
import { NOT_ALLOWED, type SubscriptionLimits } from './subscription-refusals.ts';
import { Subscriptions } from './subscriptions.ts';

/** The message of an identifier that an older version has stored: only DUP says whether another one repeats it. */
const UNKNOWN_DIGEST = 0;

export interface DataPlaneParts {
  readonly store: Store;
  readonly limits: SessionLimits &
    RetainedLimits &
    SubscriptionLimits &
    AbsentLimits &
    TopicLimits & { readonly sessionExpiry: number };
  readonly drops: DropCounter;
  readonly memory: MemoryBudget;
  readonly traffic: TrafficCounters;
  /** In which long work is done. */
  readonly turnBudget: TurnBudget;
  /** Ends the connection of a session's client. */
  disconnect(session: Session, reason: string, reasonCode: number): void;
  /** Unfinished packets need too much memory; returns whether a connection with more than `bytes` was closed for that. */
  tooManyUnfinished(bytes: number): boolean;
  /** The session of an absent client has ended for this reason. */
  ended(clientId: string, reason: string): void;
  readonly faults: Faults;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
  /** Something was refused or dropped because of this limit. */
  reached(key: LimitKey): void;
  wills(): WaitingWills;
  /** A client reads too slowly to hold up its publishers. */
  slow(clientId: string): void;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wall(): number;
}

/** Routes every message from its publisher to sessions, retained messages and the store, and acknowledges it. */
export class DataPlane {
  readonly router: Router;
  readonly retained = new RetainedMessages();
  readonly sessions: Sessions;
  readonly absent: AbsentSessions;
  readonly subscriptions: Subscriptions;
  readonly local: LocalSubscriptions;
  readonly flow: FlowControl;
  /** PUBLISH packets from clients and messages from the gateway itself. */
  published = 0;
  readonly #parts: DataPlaneParts;
  readonly #delivery: Delivery;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
    const { limits } = parts;
    const router = new Router((topic) => checkControlCharacters('topic', topic, limits));
    this.router = router;
    const { retained } = this;
    this.flow = new FlowControl(parts);
    this.#delivery = new Delivery({ ...parts, router, retained, flow: this.flow });
    const shared = {
      ...{ ...parts, router, retained },
      setAside: (message: Message, to: string, error: unknown) =>
        setAside(parts, message, to, error, null),
    };
    const sessions = new Sessions({
      ...{ ...shared, flow: this.flow },
      sessionEnded: (clientId) => parts.wills().sessionEnded(clientId),
    });
    const absent = new AbsentSessions({ ...parts, sessions });
    this.sessions = sessions;
    this.absent = absent;
    const answers = new Answers({
      ...{ drops: parts.drops, retained },
      isReceived: (topic) => this.local.isReceived(topic),
      publish: (message) => this.publishLocal(message),
    });
    this.local = new LocalSubscriptions({ router, answers });
    this.subscriptions = new Subscriptions({ ...shared, sessions, absent });
  }

  /** Restores the sessions with their subscriptions and queues, and begins with the retained messages. */
  recover(): void {
    const { store, faults, turnBudget } = this.#parts;
    recoverRetained(this.retained, store, faults);
    this.sessions.recover();
    turnBudget.run(this.retained.restoring(), (error) => {
      if (error) faults.caught('load', 'loading the retained messages', error);
    });
  }

  /** A client's PUBLISH: its effects are in memory when this returns; it is acknowledged when they are on disk. */
  publish(client: Client, publication: Publication, packetId: number): void {
    const route = this.#route(publication);
    const { session } = client;
    if (session!.bridge) publication.from = session!;
    publication.requester = client;
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
    if (this.#authorise(client, route)) this.#delivery.deliver(publication, route, client);
  }

  #publishAtLeastOnce(
    client: Client,
    publication: Publication,
    route: Route,
    packetId: number,
  ): void {
    if (!this.#authorise(client, route)) {
      client.acknowledge(PUBACK_HEADER, packetId, NOT_AUTHORIZED, refusalOf(route));
    } else if (route.persistent || publication.retain) {
      const pendingAck = client.ackWhenStored(PUBACK_HEADER, packetId, reasonFor(route));
      publication.pendingAck = pendingAck;
      this.#delivery.deliver(publication, route, client);
      pendingAck.done();
    } else {
      this.#delivery.deliver(publication, route, client);
      client.acknowledge(PUBACK_HEADER, packetId, reasonFor(route));
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
    if (!repeated && !isDelivered && client.protocol5) {
      return client.acknowledge(PUBREC_HEADER, packetId, NOT_AUTHORIZED, refusalOf(route));
    }
    const reason = repeated ? SUCCESS : reasonFor(route);
    const isStored = isDelivered && (route.persistent || publication.retain);
    if (!session.persistent && !isStored) {
      session.incoming.set(packetId, digest);
      if (isDelivered) this.#delivery.deliver(publication, route, client);
      return client.acknowledge(PUBREC_HEADER, packetId, reason);
    }
    const pendingAck = client.ackWhenStored(PUBREC_HEADER, packetId, reason);
    if (session.persistent) {
      this.#parts.store.journal.add(['incoming', session.key, packetId, digest], pendingAck);
    }
    // After what may throw: else the message would count as a repetition when it comes again.
    session.incoming.set(packetId, digest);
    if (isDelivered) {
      publication.pendingAck = pendingAck;
      publication.held = session.persistent;
      if (publication.held) this.#delivery.deliverAfterCommit(publication, route, client);
      else this.#delivery.deliver(publication, route, client);
    }
    pendingAck.done();
  }

  /** Handles a client's PUBREL: PUBCOMP is sent when the release of the identifier is on disk. */
  release(client: Client, packetId: number): void {
    const session = client.session!;
    const known = session.incoming.delete(packetId);
    const reason = known ? SUCCESS : PACKET_ID_NOT_FOUND;
    if (!session.persistent) {
      client.acknowledge(PUBCOMP_HEADER, packetId, reason);
      return;
    }
    const { journal } = this.#parts.store;
    const pendingAck = client.ackWhenStored(PUBCOMP_HEADER, packetId, reason);
    if (known) journal.add(['incomingDone', session.key, packetId]);
    // A repeated PUBREL finds the identifier deleted in memory, but maybe not yet on disk.
    journal.notifyAfterCommit(pendingAck);
    pendingAck.done();
  }

  /** A message that its client may not publish is dropped and counted; MQTT 3.1.1 still acknowledges it [MQTT-3.3.5-2]. */
  #authorise({ session, access }: Client, { topic, special }: Route): boolean {
    const reserved = special === 'reserved';
    if (!reserved && (!access || access.rights.mayPublish(topic))) return true;
    this.#parts.drops.count(session!.clientId, reserved ? 'reserved-topic' : 'not-authorised');
    return false;
  }

  /** Deletes a retained message that has expired. */
  deleteRetained(topic: string): void {
    if (this.retained.delete(topic)) this.#parts.store.journal.retain(topic, undefined);
  }

  /** Publishes a will: its queue entries and retained message share a commit with all that is added in this turn. */
  publishWill(will: LocalMessage, clientId: string): void {
    const { topic, payload, qos, retain: retained, properties, expiresAt } = will;
    this.published++;
    const message = createMessage(topic, payload, properties, expiresAt);
    const publication = new Publication().of(message, topic, qos, retained);
    publication.publisher = clientId;
    publication.held = true;
    publication.pendingAck = new PendingAck(() => undefined);
    this.#delivery.deliver(publication, this.router.route(topic));
    publication.pendingAck.done();
  }

  /** Publishes for the gateway itself; resolves when the message is in all its places on disk, at QoS 0 immediately. */
  publishLocal(message: LocalMessage): Promise<void> {
    const { topic, payload, qos, properties, expiresAt } = message;
    this.published++;
    const route = this.router.route(topic);
    const body = createMessage(topic, payload, properties, expiresAt);
    const publication = new Publication().of(body, topic, qos, message.retain);
    publication.own = true;
    publication.inbound = message.inbound ?? false;
    publication.requester = message.requester ?? null;
    if (qos === 0) {
      this.#delivery.deliver(publication, route);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      publication.pendingAck = new PendingAck(resolve);
      this.#delivery.deliver(publication, route);
      publication.pendingAck.done();
    });
  }
}

/** Why a client may not publish on the topic. */
function refusalOf({ special }: Route): string {
  return special === 'reserved' ? 'a topic of the gateway itself' : NOT_ALLOWED.reason;
}

/** MQTT 5: the reason code of an acknowledgement. */
function reasonFor({ subscribers }: Route): number {
  return subscribers.length === 0 ? NO_MATCHING_SUBSCRIBERS : SUCCESS;
}
