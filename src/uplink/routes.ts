import type { InRoute, OutRoute } from '../config/schema/uplink-routes.ts';
import { covers, matches } from '../mqtt/topics.ts';

/** How a local topic goes to the plant. */
export interface Sending {
  readonly route: OutRoute;
  /** Topic at the plant, as bytes. */
  readonly remote: Buffer;
}

/** How a topic of the plant comes in. */
export interface Receiving {
  readonly route: InRoute;
  readonly local: string;
}

export interface RoutesParts {
  readonly out: readonly OutRoute[];
  readonly in: readonly InRoute[];
  /** Local topics that no route takes: the gateway tells the plant of them itself. */
  readonly own: readonly string[];
}

/** Topics remembered; the memory is emptied when it is full. */
const REMEMBERED = 20_000;

/** Which way a topic takes over the line. Of several out routes it is the narrowest. */
export class Routes {
  readonly #parts: RoutesParts;
  readonly #out: readonly OutRoute[];
  #known = new Map<string, Sending | null>();

  constructor(parts: RoutesParts) {
    this.#parts = parts;
    this.#out = narrowestFirst(parts.out);
  }

  /** Undefined where no route takes the topic, and where it would come right back by an in route. */
  out(topic: string): Sending | undefined {
    const known = this.#known.get(topic);
    if (known !== undefined) return known ?? undefined;
    const found = this.#find(topic);
    if (this.#known.size >= REMEMBERED) this.#known = new Map();
    this.#known.set(topic, found ?? null);
    return found;
  }

  #find(topic: string): Sending | undefined {
    if (this.#parts.own.includes(topic)) return undefined;
    const route = this.#out.find(({ out }) => matches(out, topic));
    if (!route) return undefined;
    const remote = `${route.to}${topic}`;
    if (this.#parts.in.some((each) => matches(each.in, remote))) return undefined;
    return { route, remote: Buffer.from(remote) };
  }

  in(topic: string): Receiving | undefined {
    const route = this.#parts.in.find((each) => matches(each.in, topic));
    return route && { route, local: `${route.to}${topic.slice(route.strip.length)}` };
  }
}

/** A filter stands before every one that covers it; otherwise in the order of the config. */
function narrowestFirst(routes: readonly OutRoute[]): OutRoute[] {
  const sorted: OutRoute[] = [];
  for (const route of routes) {
    const place = sorted.findIndex((other) => covers(other.out, route.out));
    sorted.splice(place === -1 ? sorted.length : place, 0, route);
  }
  return sorted;
}
