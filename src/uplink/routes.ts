import type { InRoute, OutRoute } from '../config/schema/uplink-routes.ts';
import { FilterTree } from '../mqtt/filter-tree.ts';
import { matches } from '../mqtt/topics.ts';

/** How messages of a local topic are sent to the plant. */
export interface Sending {
  readonly route: OutRoute;
  /** Topic at the plant, as bytes. */
  readonly remote: Buffer;
}

/** How messages of a plant's topic are published here. */
export interface Receiving {
  readonly route: InRoute;
  readonly local: string;
}

export interface RoutesParts {
  readonly out: readonly OutRoute[];
  readonly in: readonly InRoute[];
  /** Local topics that no route matches: the gateway publishes them at the plant itself. */
  readonly own: readonly string[];
  /** Whether messages of the local topic can be sent; all by default. */
  takes?(topic: string): boolean;
  /** Called with a topic at the plant; often, but not for each message. */
  found?(remote: string): void;
}

/** The most topics in the cache; it is emptied when it is full. */
const CACHED = 20_000;
/** A longer topic is not in the cache, which would need too much memory. */
const CACHED_LENGTH = 512;

/** Finds the route of a topic: the narrowest of several out routes, the first of several in routes. */
export class Routes {
  readonly #parts: RoutesParts;
  readonly #out: readonly OutRoute[];
  #cache = new Map<string, Sending | null>();

  constructor(parts: RoutesParts) {
    this.#parts = parts;
    this.#out = narrowestFirst(parts.out);
  }

  /** Undefined if no route matches the topic, or if an in route would bring it back. */
  out(topic: string): Sending | undefined {
    const cached = this.#cache.get(topic);
    if (cached !== undefined) return cached ?? undefined;
    const found = this.#find(topic);
    if (topic.length > CACHED_LENGTH) return found;
    if (this.#cache.size >= CACHED) this.#cache = new Map();
    this.#cache.set(topic, found ?? null);
    return found;
  }

  #find(topic: string): Sending | undefined {
    if (this.#parts.own.includes(topic) || this.#parts.takes?.(topic) === false) return undefined;
    const route = this.#out.find(({ out }) => matches(out, topic));
    if (!route) return undefined;
    const remote = `${route.to}${topic}`;
    if (this.#parts.in.some((each) => matches(each.in, remote))) return undefined;
    this.#parts.found?.(remote);
    return { route, remote: Buffer.from(remote) };
  }

  /** The plant's topics from which an in route would publish to this local topic. */
  returns(topic: string): string[] {
    return this.#parts.in.flatMap((route) => {
      if (!topic.startsWith(route.to)) return [];
      const remote = `${route.strip}${topic.slice(route.to.length)}`;
      return matches(route.in, remote) ? [remote] : [];
    });
  }

  in(topic: string): Receiving | undefined {
    const route = this.#parts.in.find((each) => matches(each.in, topic));
    return route && { route, local: `${route.to}${topic.slice(route.strip.length)}` };
  }
}

/** Sorts each filter before all filters that cover it; otherwise in the order of the config. */
function narrowestFirst(routes: readonly OutRoute[]): OutRoute[] {
  const sorted: OutRoute[] = [];
  const tree = new FilterTree<OutRoute>();
  for (const route of routes) {
    const places = tree.covering(route.out).map((other) => sorted.indexOf(other));
    sorted.splice(Math.min(sorted.length, ...places), 0, route);
    tree.add(route.out, route);
  }
  return sorted;
}
