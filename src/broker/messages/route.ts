import type { Qos, SubscriptionOptions } from '../../mqtt/codec.ts';
import { certificateKind } from '../../mqtt/sparkplug-topics.ts';
import type { Grant, Publication, Subscriber } from './publication.ts';
import { isReserved } from './reserved-topics.ts';

/** A subscription in the router: only its QoS where all else is as in MQTT 3.1.1. */
export type Subscription = Qos | { readonly qos: Qos; readonly options: SubscriptionOptions };

/** What one subscriber gets of a topic. */
export interface SubscriberGrant extends Grant {
  readonly qos: Qos;
}

/** Subscribers, each once and with the highest QoS of its matching filters. Topics that the same filters match share it. */
export interface SubscriberList {
  readonly subscribers: readonly Subscriber[];
  readonly qos: readonly Qos[];
  /** Whether one of the subscribers is persistent. */
  readonly persistent: boolean;
  /** What the subscribers with options of MQTT 5 get; null where none has any. */
  readonly grants: readonly (GrantPair | undefined)[] | null;
}

/** A topic of the gateway itself; one of a birth or a death of Sparkplug. */
export type SpecialTopic = 'reserved' | 'birth' | 'death';

/** The subscribers of a topic. */
export interface Route extends SubscriberList {
  readonly topic: string;
  /** What the broker does with its messages besides delivering them; null for nothing. */
  readonly special: SpecialTopic | null;
}

/** What a subscriber gets of other clients' messages, and of those that it has published; undefined for nothing [MQTT-3.8.3-3]. */
export interface GrantPair {
  readonly ofOthers: SubscriberGrant;
  readonly ofOwn: SubscriberGrant | undefined;
}

/** The matching subscriptions of each subscriber: the highest QoS, or all of them where one has options. */
export type Found = Map<Subscriber, Qos | Subscription[]>;

/** Adds the subscriptions of a filter that matches. */
export function addSubscriptions(
  subscriptions: ReadonlyMap<Subscriber, Subscription>,
  found: Found,
): void {
  for (const [subscriber, subscription] of subscriptions) {
    const before = found.get(subscriber);
    if (typeof before === 'object') before.push(subscription);
    else if (typeof subscription === 'object') {
      found.set(subscriber, before === undefined ? [subscription] : [before, subscription]);
    } else if (before === undefined || before < subscription) {
      found.set(subscriber, subscription);
    }
  }
}

export function routeOf(topic: string, list: SubscriberList): Route {
  const { subscribers, qos, grants } = list;
  const special = isReserved(topic) ? 'reserved' : (certificateKind(topic) ?? null);
  // The certificate of a birth is kept on disk, also without a persistent subscriber.
  const persistent = list.persistent || special === 'birth';
  return { topic, subscribers, qos, persistent, special, grants };
}

export function listOf(found: Found): SubscriberList {
  // Arrays that were filled one by one have room for half as many more.
  const subscribers = [...found.keys()].slice();
  const persistent = subscribers.some((subscriber) => subscriber.persistent);
  const all = [...found.values()];
  const grants = all.map((each) => (typeof each === 'number' ? undefined : pairOf(each)));
  const qos = all.map((each, i) => (typeof each === 'number' ? each : grants[i]!.ofOthers.qos));
  const hasGrants = grants.some((grant) => grant !== undefined);
  return { subscribers, qos, persistent, grants: hasGrants ? grants : null };
}

function pairOf(subscriptions: readonly Subscription[]): GrantPair {
  const ofOthers = merged(subscriptions);
  const own = subscriptions.filter((each) => typeof each === 'number' || !each.options.noLocal);
  const ofOwn = own.length === 0 ? undefined : merged(own);
  return { ofOthers, ofOwn: own.length === subscriptions.length ? ofOthers : ofOwn };
}

/** One copy for all subscriptions that match [MQTT-3.3.4-2] [MQTT-3.3.4-4]. */
function merged(subscriptions: readonly Subscription[]): SubscriberGrant {
  let qos: Qos = 0;
  let retainAsPublished = false;
  const identifiers = new Set<number>();
  for (const each of subscriptions) {
    if (typeof each === 'number') {
      qos = Math.max(qos, each) as Qos;
      continue;
    }
    qos = Math.max(qos, each.qos) as Qos;
    if (each.options.retainAsPublished) retainAsPublished = true;
    if (each.options.identifier > 0) identifiers.add(each.options.identifier);
  }
  return { qos, retainAsPublished, identifiers: [...identifiers] };
}

/** One subscriber of a publication, and what it gets. */
export interface Receiver {
  readonly subscriber: Subscriber;
  readonly granted: Qos;
  /** Null for a subscription of MQTT 3.1.1. */
  readonly grant: SubscriberGrant | null;
}

/** Who gets the publication, without the bridge that has published it; `own` is the session of its publisher. */
export function receiversOf(
  { qos, from }: Publication,
  route: Route,
  own: Subscriber | undefined,
): Receiver[] {
  const receivers: Receiver[] = [];
  route.subscribers.forEach((subscriber, i) => {
    if (subscriber === from) return;
    const pair = route.grants?.[i];
    const grant = pair === undefined ? null : subscriber === own ? pair.ofOwn : pair.ofOthers;
    if (grant === undefined) return;
    const most = grant === null ? route.qos[i]! : grant.qos;
    receivers.push({ subscriber, granted: Math.min(most, qos) as Qos, grant });
  });
  return receivers;
}
