import type { Operation } from './batch.ts';

/** A retained value at the moment of its commit; undefined when it was deleted. */
export type RetainedValue = { readonly qos: number; readonly payload: Uint8Array } | undefined;

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
   * Appends the operations of at most so many of these topics, with the values as they are at this moment; false once
   * there are no more topics.
   */
  append(topics: Iterator<string>, operations: Operation[], limit: number): boolean {
    for (let appended = 0; appended < limit; appended++) {
      const { value: topic, done } = topics.next();
      if (done) return false;
      this.#deferred.delete(topic);
      const value = this.#retainedValue(topic);
      operations.push(value ? ['retain', topic, value.qos, value.payload] : ['unretain', topic]);
    }
    return true;
  }
}
