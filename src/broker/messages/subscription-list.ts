import type { Qos } from '../../mqtt/codec.ts';

/** The subscriptions of one session: the granted QoS by filter. */
export class SubscriptionList {
  /** Bytes of all filters together. */
  bytes = 0;
  readonly #granted = new Map<string, Qos>();

  get size(): number {
    return this.#granted.size;
  }

  has(filter: string): boolean {
    return this.#granted.has(filter);
  }

  set(filter: string, qos: Qos): void {
    if (!this.#granted.has(filter)) this.bytes += Buffer.byteLength(filter);
    this.#granted.set(filter, qos);
  }

  /** False if there was none. */
  delete(filter: string): boolean {
    if (!this.#granted.delete(filter)) return false;
    this.bytes -= Buffer.byteLength(filter);
    return true;
  }

  keys(): IterableIterator<string> {
    return this.#granted.keys();
  }
}
