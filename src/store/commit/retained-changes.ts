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
    for (const topic of this.#deferred) this.#durable.add(topic);
    this.#deferred = new Set();
    return true;
  }

  /** Appends the operations of the next commit, with the present values. */
  take(operations: Operation[]): void {
    for (const topic of this.#durable) {
      this.#deferred.delete(topic);
      const value = this.#retainedValue(topic);
      operations.push(value ? ['retain', topic, value.qos, value.payload] : ['unretain', topic]);
    }
    this.#durable = new Set();
  }
}
