import type { Rights } from '../../access/rules.ts';
import type { TurnBudget } from '../../base/turn-budget.ts';
import {
  encodeSuback,
  SUBACK_FAILURE,
  SUBACK_HEADER,
  type SubscribePacket,
  type SubscribeRequest,
  UNSUBACK_HEADER,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import { encodeFilterCodes } from '../../mqtt/packets-5.ts';
import type { Properties } from '../../mqtt/properties.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import {
  isError,
  NO_SUBSCRIPTION_EXISTED,
  QUOTA_EXCEEDED,
  SUCCESS,
} from '../../mqtt/reason-codes.ts';
import { isShared, topicFilterOf } from '../../mqtt/shared-filter.ts';
import type { Message } from '../../queue/message.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';
import type { Client } from './client.ts';
import { checkControlCharacters, type TopicLimits } from './control-characters.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Grant } from './publication.ts';
import type { RetainedMessages } from './retained.ts';
import { enqueueRetained } from './retained-delivery.ts';
import type { Subscribed } from './retained-feed.ts';
import type { Session } from './session.ts';
import { storedOptions } from './subscription-options.ts';
import {
  isAllowed,
  NOT_ALLOWED,
  type SubscriptionLimits,
  SubscriptionRefusals,
  type SubscriptionRefusalsParts,
} from './subscription-refusals.ts';

export interface SubscriptionsParts extends SubscriptionRefusalsParts {
  readonly store: Store;
  readonly retained: RetainedMessages;
  readonly limits: SubscriptionLimits & TopicLimits;
  readonly turnBudget: TurnBudget;
  readonly memory: MemoryBudget;
  /** Moves a message that can't be delivered to the refused messages. */
  setAside(message: Message, to: string, error: unknown): void;
  /** Unfinished packets need too much memory; returns whether a connection with more than `bytes` was closed for that. */
  tooManyUnfinished(bytes: number): boolean;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
}

type WorkGenerator = Generator<Promise<void> | undefined, void>;

/** What is known of a SUBSCRIBE that is being worked on. */
interface Subscribing {
  readonly pendingAck: PendingAck;
  /** For SUBACK. */
  readonly codes: number[];
  /** Why filters were refused, each reason once. */
  readonly reasons: Set<string>;
  /** The granted filters that match retained messages. */
  readonly subscribed: Subscribed[];
}

const TOO_MANY_UNFINISHED = 'all clients together have too many packets unfinished';

/** The subscriptions of clients, and the retained messages that clients get with theirs. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  readonly #refusals: SubscriptionRefusals;
  /** How many packets of a client are being worked on. */
  readonly #working = new Map<Client, number>();

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
    this.#refusals = new SubscriptionRefusals(parts);
  }

  /** Handles a client's SUBSCRIBE: SUBACK and then the retained messages are sent when the subscriptions are on disk. */
  subscribe(client: Client, packet: SubscribePacket): void {
    const { retained, setAside } = this.#parts;
    const session = client.session!;
    const codes: number[] = [];
    const reasons = new Set<string>();
    const subscribed: Subscribed[] = [];
    const pendingAck = client.doWhenStored(() => {
      client.answer(encodeAnswer(client, packet.packetId, codes, reasons));
      if (subscribed.length === 0) return;
      const parts = { session, retained, subscribed, held: false, setAside };
      if (!session.persistent) this.#run(client, 0, enqueueRetained(parts));
      for (const each of subscribed) session.feed(each);
    });
    this.#run(
      client,
      packet.bytes,
      this.#subscribing(client, packet, { pendingAck, codes, reasons, subscribed }),
    );
  }

  *#subscribing(
    client: Client,
    { requests }: SubscribePacket,
    { pendingAck, codes, reasons, subscribed }: Subscribing,
  ): WorkGenerator {
    const session = client.session!;
    const { store, retained, refused, limits, setAside } = this.#parts;
    // First all of them are decoded: a packet that is malformed at its end changes nothing.
    for (const { filter } of requests) {
      checkControlCharacters('topic filter', filter, limits);
      yield;
    }
    for (const request of requests) {
      const { filter, qos } = request;
      const refusal = this.#refusals.of(client, filter);
      if (refusal === undefined) {
        const asks = !isShared(filter) && asksForRetained(request, session);
        this.#add(session, request);
        // The present messages: later ones reach the session through the subscription.
        if (asks && retained.mayMatch(filter)) {
          subscribed.push({
            filter,
            qos,
            upTo: retained.latest,
            grant: retainedGrant(request),
            isAllowed: () => isAllowed(client, filter),
          });
        }
      } else {
        refused(session.clientId, refusal.reason);
        reasons.add(refusal.reason);
      }
      codes.push(refusal === undefined ? qos : refusal.code);
      yield;
    }
    // A message that several filters match is queued once, at the highest QoS.
    subscribed.sort((a, b) => b.qos - a.qos);
    if (session.persistent) {
      // Before the SUBACK: a persistent session has these on disk together with its subscriptions.
      yield* enqueueRetained({ session, retained, subscribed, held: true, setAside });
      store.journal.notifyAfterCommit(pendingAck);
    }
    pendingAck.done();
  }

  #add(session: Session, { filter, qos, options }: SubscribeRequest): void {
    const { store, router, sessions } = this.#parts;
    session.subscriptions.set(filter, qos);
    if (isShared(filter)) sessions.shares.join(filter, session, qos, options);
    else router.subscribe(filter, session, qos, options);
    if (!session.persistent) return;
    const stored = storedOptions(options);
    const identifier = options?.identifier ?? 0;
    store.journal.add(['subscribe', session.key, filter, qos, stored, identifier]);
  }

  /** Does work of `bytes` bytes for a client, which is not read while that takes several turns of the event loop. */
  #run(client: Client, bytes: number, work: WorkGenerator): void {
    const { turnBudget, memory } = this.#parts;
    let [hasEnded, isPaused] = [false, false];
    turnBudget.run(whileOpen(client, work), (error) => {
      hasEnded = true;
      if (isPaused) this.#resume(client, bytes);
      if (error instanceof ProtocolError) client.violated(error.message, error.reasonCode);
      else if (error) throw error;
    });
    if (hasEnded) return;
    isPaused = true;
    memory.unfinished += bytes;
    this.#working.set(client, (this.#working.get(client) ?? 0) + 1);
    client.pauseReading('subscriptions');
    if (memory.hasTooManyUnfinished && !this.#parts.tooManyUnfinished(bytes)) {
      client.violated(TOO_MANY_UNFINISHED, QUOTA_EXCEEDED);
    }
  }

  #resume(client: Client, bytes: number): void {
    this.#parts.memory.unfinished -= bytes;
    const left = this.#working.get(client)! - 1;
    if (left > 0) {
      this.#working.set(client, left);
      return;
    }
    this.#working.delete(client);
    client.resumeReading('subscriptions');
  }

  /** Handles a client's UNSUBSCRIBE: UNSUBACK is sent when the change is on disk. */
  unsubscribe(client: Client, packet: UnsubscribePacket): void {
    const { packetId, bytes, filters } = packet;
    const codes: number[] = [];
    const pendingAck = client.protocol5
      ? client.doWhenStored(() =>
          client.answer(encodeFilterCodes(UNSUBACK_HEADER, packetId, codes)),
        )
      : client.ackWhenStored(UNSUBACK_HEADER, packetId);
    this.#run(client, bytes, this.#unsubscribing(client.session!, filters, codes, pendingAck));
  }

  *#unsubscribing(
    session: Session,
    filters: Iterable<string>,
    codes: number[],
    pendingAck: PendingAck,
  ): WorkGenerator {
    const { limits } = this.#parts;
    for (const filter of filters) {
      checkControlCharacters('topic filter', filter, limits);
      yield;
    }
    for (const filter of filters) {
      codes.push(this.#end(session, filter) ? SUCCESS : NO_SUBSCRIPTION_EXISTED);
      yield;
    }
    // Also if nothing has changed: an UNSUBSCRIBE of an earlier connection may not be on disk yet.
    if (session.persistent) this.#parts.store.journal.notifyAfterCommit(pendingAck);
    pendingAck.done();
  }

  /** Ends the subscriptions that these rights do not allow, thousands of them in several turns; then calls `ended`. */
  revokeSubscriptions(session: Session, rights: Rights, ended?: (error?: unknown) => void): void {
    this.#parts.turnBudget.run(this.#revoking(session, rights), (error) => {
      if (ended) ended(error);
      else if (error) throw error;
    });
  }

  *#revoking(session: Session, rights: Rights): WorkGenerator {
    for (const filter of [...session.subscriptions.keys()]) {
      if (session.isOver) return;
      if (!rights.maySubscribe(topicFilterOf(filter))) {
        this.#end(session, filter);
        this.#parts.refused(session.clientId, NOT_ALLOWED.reason);
      }
      yield;
    }
  }

  /** Returns whether there was such a subscription. */
  #end(session: Session, filter: string): boolean {
    if (!session.subscriptions.delete(filter)) return false;
    const { store, router, sessions } = this.#parts;
    if (isShared(filter)) sessions.shares.leave(filter, session);
    else router.unsubscribe(filter, session);
    session.endFeed(filter);
    if (session.persistent) store.journal.add(['unsubscribe', session.key, filter]);
    return true;
  }
}

/** Whether the client gets the present retained messages [MQTT 5, section 3.8.3.1]. */
function asksForRetained({ filter, options }: SubscribeRequest, session: Session): boolean {
  const handling = options?.retainHandling ?? 0;
  return handling === 0 || (handling === 1 && !session.subscriptions.has(filter));
}

/** What is sent with the retained messages of a subscription. */
function retainedGrant({ options }: SubscribeRequest): Grant | null {
  if (options === undefined || options.identifier === 0) return null;
  return { identifiers: [options.identifier], retainAsPublished: true };
}

/** A SUBACK: before MQTT 5 there is one code for every refusal. */
function encodeAnswer(
  { protocol5 }: Client,
  packetId: number,
  codes: readonly number[],
  reasons: ReadonlySet<string>,
): Buffer {
  if (protocol5) {
    const encode = (properties: Properties) =>
      encodeFilterCodes(SUBACK_HEADER, packetId, codes, properties);
    return reasons.size === 0 ? encode({}) : protocol5.explained([...reasons].join('; '), encode);
  }
  const plain = codes.map((code) => (isError(code) ? SUBACK_FAILURE : code));
  return encodeSuback(packetId, plain);
}

/** The work until its client has gone. */
function* whileOpen(client: Client, work: WorkGenerator): WorkGenerator {
  for (const part of work) {
    yield part;
    if (client.closed || client.session!.isOver) return;
  }
}
