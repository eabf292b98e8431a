import type { Qos, SubscriptionOptions } from '../../mqtt/codec.ts';
import { decodeTopic } from '../../mqtt/fields.ts';
import { matchesLevels } from '../../mqtt/topics.ts';
import type { Subscriber } from './publication.ts';
import { type Route, routeOf, type Subscription } from './route.ts';
import { SubscriberLists } from './subscriber-lists.ts';
import { filterPath, hasDeepWildcard, TREE_LEVELS, topicPath, WILDCARDS } from './tree-levels.ts';

class Node {
  children: Map<string, Node> | undefined;
  subscribers: Map<Subscriber, Subscription> | undefined;
}

interface CachedRoute {
  readonly bytes: Buffer;
  readonly route: Route;
}

/** Limits of the cache; it is emptied when one is reached. */
const CACHED_TOPICS = 20_000;
const CACHED_TOPIC_BYTES = 512;
/** Memory of all routes and of the lists of subscribers that they share. */
const CACHED_BYTES = 14 * 1024 * 1024;
/** Memory of a cached route without the bytes of its topic, which it has twice. */
const ROUTE_BYTES = 360;
/** Places of the routes that were found last, in front of the cache; a power of two. */
const RECENT = 1024;

/**
 * Finds the subscribers of a topic; caches the route by the topic's bytes until a subscription changes. Topics that the
 * same filters match share their list of subscribers, so that the cache is not as large as topics times subscribers.
 */
export class Router {
  /** Subscriptions of all subscribers together. */
  count = 0;
  /** Bytes of their filters. */
  bytes = 0;
  /** Those of them with a wildcard that no node of the tree is for: each costs time at every deep topic. */
  deepWildcards = 0;
  readonly #root = new Node();
  #cache = new Map<number, CachedRoute>();
  #routeBytes = 0;
  readonly #lists = new SubscriberLists<Node>();
  readonly #recent = new Array<CachedRoute | undefined>(RECENT).fill(undefined);
  readonly #check: (topic: string) => void;

  /** `check` is called with each topic name of a packet that is not in the cache; it may throw a ProtocolError. */
  constructor(check: (topic: string) => void = () => undefined) {
    this.#check = check;
  }

  /** Without options a subscription is as in MQTT 3.1.1. */
  subscribe(filter: string, subscriber: Subscriber, qos: Qos, options?: SubscriptionOptions): void {
    let node = this.#root;
    const path = filterPath(filter);
    for (const level of path) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = new Node();
        node.children.set(level, child);
      }
      node = child;
    }
    node.subscribers ??= new Map();
    if (!node.subscribers.has(subscriber)) {
      this.count++;
      this.bytes += Buffer.byteLength(filter);
      if (hasDeepWildcard(path)) this.deepWildcards++;
    }
    node.subscribers.set(subscriber, options && isSpecial(options) ? { qos, options } : qos);
    this.forgetRoutes();
  }

  unsubscribe(filter: string, subscriber: Subscriber): void {
    const levels = filterPath(filter);
    const path: Node[] = [this.#root];
    for (const level of levels) {
      const child = path.at(-1)!.children?.get(level);
      if (!child) return;
      path.push(child);
    }
    if (!path.at(-1)!.subscribers?.delete(subscriber)) return;
    this.count--;
    this.bytes -= Buffer.byteLength(filter);
    if (hasDeepWildcard(levels)) this.deepWildcards--;
    // A cached route would keep the subscriber and its queue in memory.
    this.forgetRoutes();
    for (let i = levels.length; i > 0; i--) {
      const node = path[i]!;
      if (node.subscribers?.size || node.children?.size) return;
      path[i - 1]!.children!.delete(levels[i - 1]!);
    }
  }

  /** The route of the topic at [start, end); throws ProtocolError if these bytes are not a topic name, or one that is not taken. */
  find(source: Buffer, start: number, end: number): Route {
    const length = end - start;
    if (length === 0 || length > CACHED_TOPIC_BYTES) {
      return this.route(this.#decode(source.subarray(start, end)));
    }
    // Four of its bytes find the place of most topics in a third of the time that a hash of all takes.
    const middle = source[start + (length >> 1)]! + 7 * source[start + ((3 * length) >> 2)]!;
    const place = (length + 31 * source[end - 1]! + 61 * source[end - 2]! + 17 * middle) % RECENT;
    const recent = this.#recent[place];
    if (recent !== undefined && sameBytes(recent.bytes, source, start, length)) return recent.route;
    const found = this.#findCached(source, start, end);
    this.#recent[place] = found;
    return found.route;
  }

  #findCached(source: Buffer, start: number, end: number): CachedRoute {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + source[i]!) | 0;
    const cached = this.#cache.get(hash);
    if (cached && sameBytes(cached.bytes, source, start, end - start)) return cached;
    const bytes = Buffer.from(source.subarray(start, end));
    return this.#cacheRoute(hash, bytes, this.#decode(bytes));
  }

  #decode(bytes: Buffer): string {
    const topic = decodeTopic(bytes);
    this.#check(topic);
    return topic;
  }

  #cacheRoute(hash: number, bytes: Buffer, topic: string): CachedRoute {
    const cached = { bytes, route: this.route(topic) };
    if (this.#cache.size >= CACHED_TOPICS) this.forgetRoutes();
    this.#cache.set(hash, cached);
    this.#routeBytes += ROUTE_BYTES + 2 * bytes.length;
    return cached;
  }

  /** About the memory that the cache takes. */
  get cachedBytes(): number {
    return this.#routeBytes + this.#lists.bytes;
  }

  /** The topics are found and checked again when they come again. */
  forgetRoutes(): void {
    this.#lists.clear();
    if (this.#cache.size === 0) return;
    this.#cache = new Map();
    this.#routeBytes = 0;
    this.#recent.fill(undefined);
  }

  /** The route of a topic name, without the cache. */
  route(topic: string): Route {
    const matching: Node[] = [];
    collect(this.#root, topicPath(topic), 0, topic.startsWith('$'), matching);
    const list = this.#lists.of(matching);
    if (this.cachedBytes > CACHED_BYTES) this.forgetRoutes();
    return routeOf(topic, list);
  }

  /**
   * Whether a subscriber that counts has a filter that names the topic: the filter has a level between the first and the
   * last one as it is in the topic. `#`, `cell/#` and `cell/+/set` name none.
   */
  isNamed(topic: string, counts: (subscriber: Subscriber) => boolean): boolean {
    return isNamed(this.#root, topicPath(topic), 0, false, counts);
  }
}

/** Whether a message is delivered in another way than in MQTT 3.1.1. */
function isSpecial({ noLocal, retainAsPublished, identifier }: SubscriptionOptions): boolean {
  return noLocal || retainAsPublished || identifier > 0;
}

function sameBytes(bytes: Buffer, source: Buffer, start: number, length: number): boolean {
  if (bytes.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[i] !== source[start + i]) return false;
  return true;
}

/** [MQTT-4.7.1-2], [MQTT-4.7.2-1]: `#` matches its parent too; a leading wildcard matches no `$` topic. */
function collect(
  node: Node,
  levels: readonly string[],
  depth: number,
  reserved: boolean,
  matching: Node[],
): void {
  const wildcards = !(reserved && depth === 0);
  if (wildcards) take(node.children?.get('#'), matching);
  if (depth === levels.length) {
    take(node, matching);
    return;
  }
  if (depth === TREE_LEVELS) return collectRest(node, levels[depth]!, matching);
  const exact = node.children?.get(levels[depth]!);
  if (exact) collect(exact, levels, depth + 1, reserved, matching);
  const any = wildcards ? node.children?.get('+') : undefined;
  if (any) collect(any, levels, depth + 1, reserved, matching);
}

/** The rest of a topic, beyond the levels that have nodes. */
function collectRest(node: Node, rest: string, matching: Node[]): void {
  take(node.children?.get(rest), matching);
  for (const [filter, child] of node.children?.get(WILDCARDS)?.children ?? []) {
    if (child.subscribers && matchesLevels(filter, rest)) matching.push(child);
  }
}

function isNamed(
  node: Node,
  levels: readonly string[],
  depth: number,
  named: boolean,
  counts: (subscriber: Subscriber) => boolean,
): boolean {
  const has = (one: Node | undefined): boolean =>
    named && [...(one?.subscribers?.keys() ?? [])].some(counts);
  if (has(node.children?.get('#'))) return true;
  if (depth === levels.length) return has(node);
  const exact = node.children?.get(levels[depth]!);
  const between = depth > 0 && depth < levels.length - 1;
  if (exact && isNamed(exact, levels, depth + 1, named || between, counts)) return true;
  const any = node.children?.get('+');
  return any !== undefined && isNamed(any, levels, depth + 1, named, counts);
}

function take(node: Node | undefined, matching: Node[]): void {
  if (node?.subscribers) matching.push(node);
}
