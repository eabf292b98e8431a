import type { MqttClient } from 'mqtt';
import { type Gateway, refusedOf } from '../gateway.ts';
import type { ArrivedMessage } from './topic-store.ts';

export interface TopicFeedEvents {
  message(message: ArrivedMessage): void;
  /** A new subscription begins: the retained messages arrive again. */
  begins(): void;
  /** What is wrong with the connection, or the filters that the gateway refuses. */
  failed(reason: string): void;
}

const FILTERS_AT_ONCE = 50;

/** A second connection to the broker, with MQTT 5: what is subscribed here costs nothing once the tab is closed. */
export class TopicFeed {
  readonly #gateway: Gateway;
  readonly #events: TopicFeedEvents;
  #client: MqttClient | undefined;
  #filters: readonly string[] = [];

  constructor(gateway: Gateway, events: TopicFeedEvents) {
    this.#gateway = gateway;
    this.#events = events;
  }

  /** Connects and subscribes to the filters, also after a reconnect. */
  open(filters: readonly string[]): void {
    this.close();
    this.#filters = filters;
    const client = this.#gateway.openClient('topics');
    this.#client = client;
    client.on('connect', () => this.subscribe());
    client.on('message', (topic, payload, { qos, retain }) => {
      if (this.#client === client) this.#events.message({ topic, payload, qos, retain });
    });
    client.on('error', (error) => this.#events.failed(error.message));
  }

  close(): void {
    this.#client?.end();
    this.#client = undefined;
  }

  /** Subscribes again, so that the retained messages arrive again. */
  subscribe(): void {
    const client = this.#client;
    if (!client?.connected) return;
    this.#events.begins();
    // At QoS 2 each message arrives with the QoS of its publication.
    const options = { qos: 2, rap: true } as const;
    for (let first = 0; first < this.#filters.length; first += FILTERS_AT_ONCE) {
      const some = this.#filters.slice(first, first + FILTERS_AT_ONCE);
      client.subscribe([...some], options, (_error, _granted, packet) => {
        const refused = refusedOf(some, packet);
        if (refused.length > 0) this.#events.failed(refused.join(', '));
      });
    }
  }

  /** Resolves when the broker has acknowledged it, at QoS 0 when it is sent. Rejects if it is refused; the error may have a `code` of MQTT 5. */
  async publish(topic: string, payload: string, qos: 0 | 1 | 2, retain: boolean): Promise<void> {
    if (!this.#client?.connected) throw new Error('not connected');
    await this.#client.publishAsync(topic, payload, { qos, retain });
  }
}
