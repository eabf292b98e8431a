import type { Operation } from './batch.ts';

/** A retained value at the moment of its commit; undefined when it was deleted. */
export type RetainedValue =
  | {
      readonly qos: number;
      readonly payload: Uint8Array;
      /** The client that has published it; '' for the gateway itself. */
      readonly publisher: string;
      /** As in `Message.body`, with their length in front; empty for none. */
      readonly properties: Uint8Array;
      /** Milliseconds of the stored clock; 0 for no expiry. */
      readonly expires: number;
    }
  | undefined;

/** Topics whose retained value in memory is not on disk yet. Only the latest value of each is written. */
export class RetainedChanges {
  /** Topics for the next commit. */
  #durable = new Set<string>();
  /** Topics whose values may wait. */
  #deferred = new Set<string>();
  readonly #retainedValue: (topic: string) => RetainedValue;

  /** `retainedValue` returns a topic's value in memory. */
  constructor(retainedValue: (topic: string) => RetainedValue) {
    this.#retainedValue = retainedValue;
  }

  addDurable(topic: string): void {
    this.#durable.add(topic);
  }

  addDeferred(topic: string): void {
    this.#deferred.add(topic);
  }

  get hasDeferred(): boolean {
    return this.#deferred.size > 0;
  }

  /** Moves the topics that may wait to the next commit; false if there are none. */
  makeDeferredDue(): boolean {
    if (this.#deferred.size === 0) return false;
    if (this.#durable.size === 0) this.#durable = this.#deferred;
    else for (const topic of this.#deferred) this.#durable.add(topic);
    this.#deferred = new Set();
    return true;
  }

  /** Takes the topics of the next commit. */
  take(): Iterator<string> {
    const topics = this.#durable.values();
    this.#durable = new Set();
    return topics;
  }

  /**
   * Appends the operations of these topics, with the values as they are at this moment, until there are so many values
   * or bytes; false once there are no more topics.
   */
  append(
    topics: Iterator<string>,
    operations: Operation[],
    limit: { readonly values: number; readonly bytes: number },
  ): boolean {
    let bytes = 0;
    while (operations.length < limit.values && bytes < limit.bytes) {
      const { value: topic, done } = topics.next();
      if (done) return false;
      this.#deferred.delete(topic);
      const value = this.#retainedValue(topic);
      bytes += topic.length + (value ? value.payload.length + value.properties.length : 0);
      operations.push(value ? retainOperation(topic, value) : ['unretain', topic]);
    }
    return true;
  }
}

function retainOperation(topic: string, value: NonNullable<RetainedValue>): Operation {
  const { qos, payload, publisher, properties, expires } = value;
  return ['retain', topic, qos, payload, publisher, properties, expires];
}
