import { matches } from '../../mqtt/topics.ts';
import { type Answers, requestOf } from './answers.ts';
import type { ReceivedMessage } from './local-message.ts';
import type { Publication, Subscriber } from './publication.ts';
import { senderOf, willSender } from './requester.ts';
import type { Router } from './router.ts';

export interface LocalSubscriptionsParts {
  readonly router: Router;
  readonly answers: Answers;
}

/** The subscriptions of parts of the gateway. */
export class LocalSubscriptions {
  readonly #parts: LocalSubscriptionsParts;
  readonly #filters: string[] = [];
  readonly #attached = new WeakSet<Subscriber>();

  constructor(parts: LocalSubscriptionsParts) {
    this.#parts = parts;
  }

  /** Calls a part of the gateway with every message that the filter matches, until the returned function is called. */
  subscribe(filter: string, receive: (message: ReceivedMessage) => void): () => void {
    const detach = this.#attach(filter, (publication, qos) => {
      const { source, topic, payloadStart, end, expiresAt } = publication;
      const payload = new Uint8Array(source.subarray(payloadStart, end));
      const answer = this.#answerOf(publication);
      const sender = nameOfSender(publication);
      const isDeletion = publication.retain && payload.length === 0;
      receive({
        ...{ topic, payload, qos, retain: false, expiresAt },
        ...(isDeletion ? { isDeletion } : {}),
        ...(answer ? { answer } : {}),
        ...(sender === undefined ? {} : { sender }),
      });
    });
    this.#filters.push(filter);
    return () => {
      const place = this.#filters.indexOf(filter);
      if (place >= 0) this.#filters.splice(place, 1);
      detach();
    };
  }

  /** Whether a part of the gateway receives messages of the topic. */
  isReceived(topic: string): boolean {
    return this.#filters.some((filter) => matches(filter, topic));
  }

  /** Sends every matching message to a subscriber that passes them on, until the returned function is called. */
  attach(filter: string, subscriber: Subscriber): () => void {
    const { router } = this.#parts;
    this.#attached.add(subscriber);
    router.subscribe(filter, subscriber, 2);
    return () => router.unsubscribe(filter, subscriber);
  }

  /** Whether a client or a part of the gateway has subscribed to this topic by name, not only by `cell/#` and alike. */
  isNamed(topic: string): boolean {
    return this.#parts.router.isNamed(topic, (subscriber) => !this.#attached.has(subscriber));
  }

  /** Calls back with every message of the topic, until the returned function is called. */
  watch(topic: string, published: () => void): () => void {
    return this.#attach(topic, published);
  }

  #answerOf(publication: Publication): ReceivedMessage['answer'] {
    const { source, propertiesStart, payloadStart, requester } = publication;
    // One byte is the length of no properties.
    if (!requester || payloadStart - propertiesStart <= 1) return undefined;
    const request = requestOf(source.subarray(propertiesStart, payloadStart), requester);
    return request && ((payload) => this.#parts.answers.answer(request, payload));
  }

  #attach(filter: string, deliver: Subscriber['deliver']): () => void {
    const { router } = this.#parts;
    const subscriber: Subscriber = { persistent: false, backlogged: undefined, deliver };
    router.subscribe(filter, subscriber, 2);
    return () => router.unsubscribe(filter, subscriber);
  }
}

/** Without a requester, only a will has a client as its publisher. */
function nameOfSender({ requester, publisher }: Publication): string | undefined {
  if (requester) return senderOf(requester);
  return publisher === '' ? undefined : willSender(publisher);
}
