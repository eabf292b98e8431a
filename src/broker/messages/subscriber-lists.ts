import type { Subscriber } from './publication.ts';
import {
  addSubscriptions,
  type Found,
  listOf,
  type SubscriberList,
  type Subscription,
} from './route.ts';

/** The subscriptions of one filter. */
interface Subscribed {
  readonly subscribers: ReadonlyMap<Subscriber, Subscription> | undefined;
}

/** The list of the filters that lead here, and the continuations by one more filter. */
interface Branch<Filter> {
  list: SubscriberList | undefined;
  next: Map<Filter, Branch<Filter>> | undefined;
}

/** Memory of a branch with an empty list, of a subscriber in a list, and of what one with options of MQTT 5 gets. */
const BRANCH_BYTES = 400;
const SUBSCRIBER_BYTES = 16;
const GRANT_BYTES = 300;

/** The lists of subscribers of all combinations of filters that match a topic, each once. */
export class SubscriberLists<Filter extends Subscribed> {
  /** About the memory that they take. */
  bytes = 0;
  #root: Branch<Filter> = { list: undefined, next: undefined };

  /** The subscribers of all these filters; the same list for the same filters in the same order. */
  of(filters: readonly Filter[]): SubscriberList {
    let branch = this.#root;
    for (const filter of filters) {
      branch.next ??= new Map();
      let next = branch.next.get(filter);
      if (!next) {
        next = { list: undefined, next: undefined };
        branch.next.set(filter, next);
        this.bytes += BRANCH_BYTES;
      }
      branch = next;
    }
    branch.list ??= this.#make(filters);
    return branch.list;
  }

  #make(filters: readonly Filter[]): SubscriberList {
    const found: Found = new Map();
    for (const { subscribers } of filters) if (subscribers) addSubscriptions(subscribers, found);
    const list = listOf(found);
    this.bytes += found.size * SUBSCRIBER_BYTES;
    if (list.grants) this.bytes += found.size * GRANT_BYTES;
    return list;
  }

  /** Forgets all lists: the subscriptions of a filter have changed. */
  clear(): void {
    if (this.#root.next === undefined) return;
    this.#root = { list: undefined, next: undefined };
    this.bytes = 0;
  }
}
