import type { Rights } from '../../access/rules.ts';
import type { TurnBudget } from '../../base/turn-budget.ts';
import {
  encodeSuback,
  type Qos,
  SUBACK_FAILURE,
  type SubscribePacket,
  UNSUBACK_HEADER,
  type UnsubscribePacket,
} from '../../mqtt/codec.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import type { Message } from '../../queue/message.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';
import type { AbsentSessions } from './absent-sessions.ts';
import type { Client } from './client.ts';
import { checkControlCharacters, type TopicLimits } from './control-characters.ts';
import type { LocalMessage } from './local-message.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Subscriber } from './publication.ts';
import type { RetainedMessages } from './retained.ts';
import { enqueueRetained } from './retained-delivery.ts';
import type { Subscribed } from './retained-feed.ts';
import type { Router } from './router.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import { SHARED } from './stored-shares.ts';
import { filterPath, hasDeepWildcard } from './tree-levels.ts';

export interface SubscriptionsParts {
  readonly store: Store;
  readonly router: Router;
  readonly retained: RetainedMessages;
  readonly sessions: Pick<Sessions, 'ending'>;
  readonly absent: AbsentSessions;
  readonly limits: SubscriptionLimits & TopicLimits;
  readonly turnBudget: TurnBudget;
  readonly memory: MemoryBudget;
  /** A subscription was refused, or a session has ended, because of this limit. */
  reached(key: SubscriptionKey): void;
  /** Moves a message that can't be delivered to the refused messages. */
  setAside(message: Message, to: string, error: unknown): void;
  /** A subscription is refused. */
  refused(clientId: string, reason: string): void;
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

type SubscriptionKey = keyof SubscriptionLimits;
type WorkGenerator = Generator<Promise<void> | undefined, void>;

/** What is known of a SUBSCRIBE that is being worked on. */
interface Subscribing {
  readonly pendingAck: PendingAck;
  /** For SUBACK. */
  readonly codes: number[];
  /** The granted filters that match retained messages. */
  readonly subscribed: Subscribed[];
}

const TOO_MANY_UNFINISHED = 'all clients together have too many packets unfinished';
const NOT_ALLOWED = 'not allowed by the access file';

/** The subscriptions of clients and of the gateway itself, and the retained messages that clients get with theirs. */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  /** How many packets of a client are being worked on. */
  readonly #working = new Map<Client, number>();

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
  }

  /** Handles a client's SUBSCRIBE: SUBACK and then the retained messages are sent when the subscriptions are on disk. */
  subscribe(client: Client, packet: SubscribePacket): void {
    const { retained, setAside } = this.#parts;
    const session = client.session!;
    const codes: number[] = [];
    const subscribed: Subscribed[] = [];
    const pendingAck = client.doWhenStored(() => {
      client.sendBuffer.write(encodeSuback(packet.packetId, codes));
      if (subscribed.length === 0) return;
      const parts = { session, retained, subscribed, held: false, setAside };
      if (!session.persistent) this.#run(client, 0, enqueueRetained(parts));
      for (const each of subscribed) session.feed(each);
    });
    this.#run(
      client,
      packet.bytes,
      this.#subscribing(client, packet, { pendingAck, codes, subscribed }),
    );
  }

  *#subscribing(
    client: Client,
    { requests }: SubscribePacket,
    { pendingAck, codes, subscribed }: Subscribing,
  ): WorkGenerator {
    const session = client.session!;
    const { store, retained, refused, limits, setAside } = this.#parts;
    // First all of them are decoded: a packet that is malformed at its end changes nothing.
    for (const { filter } of requests) {
      checkControlCharacters('topic filter', filter, limits);
      yield;
    }
    for (const { filter, qos } of requests) {
      const reason = this.#whyRefused(client, filter);
      if (reason === undefined) {
        this.#add(session, filter, qos);
        // The present messages: later ones reach the session through the subscription.
        if (retained.mayMatch(filter)) subscribed.push({ filter, qos, upTo: retained.latest });
      } else refused(session.clientId, reason);
      codes.push(reason === undefined ? qos : SUBACK_FAILURE);
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

  #add(session: Session, filter: string, qos: Qos): void {
    const { store, router } = this.#parts;
    session.subscriptions.set(filter, qos);
    router.subscribe(filter, session, qos);
    if (session.persistent) store.journal.add(['subscribe', session.key, filter, qos, 0, 0]);
  }

  /** Does work of `bytes` bytes for a client, which is not read while that takes several turns of the event loop. */
  #run(client: Client, bytes: number, work: WorkGenerator): void {
    const { turnBudget, memory } = this.#parts;
    let [hasEnded, isPaused] = [false, false];
    turnBudget.run(whileOpen(client, work), (error) => {
      hasEnded = true;
      if (isPaused) this.#resume(client, bytes);
      if (error instanceof ProtocolError) client.violated(error.message);
      else if (error) throw error;
    });
    if (hasEnded) return;
    isPaused = true;
    memory.unfinished += bytes;
    this.#working.set(client, (this.#working.get(client) ?? 0) + 1);
    client.pauseReading('subscriptions');
    if (memory.hasTooManyUnfinished) client.violated(TOO_MANY_UNFINISHED);
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

  /** Subscriptions, without those of sessions that have ended. */
  get #count(): number {
    return this.#parts.router.count - this.#parts.sessions.ending.count;
  }

  get #bytes(): number {
    return this.#parts.router.bytes - this.#parts.sessions.ending.bytes;
  }

  #tooMany(key: SubscriptionKey): string {
    this.#parts.reached(key);
    return 'too many filters';
  }

  /** Handles a client's UNSUBSCRIBE: UNSUBACK is sent when the change is on disk. */
  unsubscribe(client: Client, packet: UnsubscribePacket): void {
    const pendingAck = client.ackWhenStored(UNSUBACK_HEADER, packet.packetId);
    this.#run(client, packet.bytes, this.#unsubscribing(client.session!, packet, pendingAck));
  }

  *#unsubscribing(
    session: Session,
    { filters }: UnsubscribePacket,
    pendingAck: PendingAck,
  ): WorkGenerator {
    for (const _filter of filters) yield;
    for (const filter of filters) {
      this.#end(session, filter);
      yield;
    }
    // Also if nothing has changed: an UNSUBSCRIBE of an earlier connection may not be on disk yet.
    if (session.persistent) this.#parts.store.journal.notifyAfterCommit(pendingAck);
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
    session.retainedFeed.remove(filter);
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

/** The work until its client has gone. */
function* whileOpen(client: Client, work: WorkGenerator): WorkGenerator {
  for (const part of work) {
    yield part;
    if (client.closed || client.session!.ended) return;
  }
}
