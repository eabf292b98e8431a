import { PUBLISH } from '../../mqtt/codec.ts';
import { Fields } from '../../mqtt/fields.ts';
import { decodeProperties, encodeProperties } from '../../mqtt/properties.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { LocalMessage } from './local-message.ts';
import type { Requester } from './requester.ts';
import type { Retained } from './retained-walk.ts';

/** Where the answer to a message is to be published. */
export interface Request {
  readonly responseTopic: string;
  readonly correlationData: Buffer | undefined;
  readonly requester: Requester;
}

export interface AnswersParts {
  readonly drops: DropCounter;
  readonly retained: { get(topic: string): Retained | undefined };
  /** Whether a part of the gateway acts on messages of the topic. */
  isReceived(topic: string): boolean;
  publish(message: LocalMessage): Promise<void>;
}

/** What a message asks for; undefined if it asks for no answer. `properties` are in their stored form. */
export function requestOf(properties: Buffer, requester: Requester): Request | undefined {
  const fields = new Fields(properties, 0, properties.length);
  const { responseTopic, correlationData } = decodeProperties(fields, PUBLISH);
  if (responseTopic === undefined) return undefined;
  return { responseTopic, correlationData, requester };
}

/**
 * Publishes answers of the gateway itself [MQTT 5, section 4.10], only on topics that the requester may subscribe to, and
 * that mean nothing else: not on a topic of the broker, one on which the gateway or a plant keeps a value, or one at
 * which a part of the gateway acts, such as the commands of another output.
 */
export class Answers {
  readonly #parts: AnswersParts;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** Publishes JSON at QoS 1, not retained; an answer that is not allowed is counted. */
  answer({ responseTopic, correlationData, requester }: Request, payload: Uint8Array): void {
    const { drops, publish } = this.#parts;
    const refusal = this.#refusal(responseTopic, requester);
    if (refusal !== undefined) return drops.count(requester.session?.clientId ?? '', refusal);
    const contentType = 'application/json';
    const properties = encodeProperties(
      correlationData ? { contentType, correlationData } : { contentType },
    );
    void publish({ topic: responseTopic, payload, qos: 1, retain: false, properties });
  }

  #refusal(topic: string, { access }: Requester): string | undefined {
    const { retained, isReceived } = this.#parts;
    const isOwn = retained.get(topic)?.publisher === '';
    if (topic.startsWith('$') || isOwn || isReceived(topic)) return 'reserved-topic';
    return access && !access.rights.maySubscribe(topic) ? 'not-authorised' : undefined;
  }
}
